--- XMPP streams (RFC 6120): what a server offers before anyone logs in, TLS, and SASL logins.
--
--     local stream = xmpp.XMPP:new(host, port, { server_name = "example.com" })
--     local status, header = stream:connect()        -- attributes of the server's <stream:stream>
--     local features = stream.features               -- elements, see XML.parse

local base64, comm, ipairs = require "base64", require "comm", ipairs
local setmetatable, stdnse, string = setmetatable, require "stdnse", string

local M = {}

local stanza_max, depth_max, elements_max = 65536, 16, 1000

M.NS = {
  CLIENT = "jabber:client", SERVER = "jabber:server", TLS = "urn:ietf:params:xml:ns:xmpp-tls",
  SASL = "urn:ietf:params:xml:ns:xmpp-sasl", CAPS = "http://jabber.org/protocol/caps",
}

-- XML ---------------------------------------------------------------------------------------------

M.XML = {}

local entities = { lt = "<", gt = ">", amp = "&", quot = '"', apos = "'" }

local function unescape(text)
  return (string.gsub(text, "&(%a+);", entities))
end

--- The attributes in the text of a tag.
local function attributes(text)
  local out, at = {}, 1
  while true do
    local _, open, name, quote = string.find(text, "%f[%w:._-]([%w:._-]+)%s*=%s*(['\"])", at)
    local close = open and string.find(text, quote, open + 1, true)
    if not close then
      return out
    end
    out[name], at = unescape(string.sub(text, open + 1, close - 1)), close + 1
  end
end

--- The first tag of `text` from `at` on: { name, attrs, start = bool, finish = bool, before = text
-- before it, also as contents }, and the position after it; nil when there is none. An instruction is a tag without
-- content: "?xml".
function M.XML.parse_tag(text, at)
  local first, named, slash, name = string.find(text, "<(/?)(%??[%a_][%w:._-]*)", at or 1)
  local last = first and string.find(text, ">", named + 1, true)
  if not last then
    return nil
  end
  local rest = string.sub(text, named + 1, last - 1)
  local empty = string.find(rest, "/$") ~= nil or string.sub(name, 1, 1) == "?"
  local before = unescape(string.sub(text, at or 1, first - 1))
  return {
    name = name, attrs = attributes(rest), start = slash == "", finish = slash ~= "" or empty,
    before = before, contents = before,
  }, last + 1
end

local read_children

local function read_element(text, at, tag, state)
  local element = { name = tag.name, attrs = tag.attrs, text = "", children = {} }
  if not tag.finish then
    at = read_children(text, at, element, state)
  end
  return element, at
end

-- Reads up to the end of `element`; what is not closed ends with the text.
function read_children(text, at, element, state)
  state.depth = state.depth + 1
  while state.depth <= depth_max and state.count < elements_max do
    local tag, after = M.XML.parse_tag(text, at)
    if not tag then
      at = #text + 1
      break
    end
    element.text, at, state.count = element.text .. tag.before, after, state.count + 1
    if not tag.start then
      break
    end
    element.children[#element.children + 1], at = read_element(text, at, tag, state)
  end
  state.depth = state.depth - 1
  return at
end

--- The elements of a text: an array of { name, attrs, text, children }, depth and number bounded.
function M.XML.parse(text)
  local root = { text = "", children = {} }
  read_children(text, 1, root, { depth = 0, count = 0 })
  return root.children
end

--- The first of `elements` with this name, prefix aside.
function M.XML.find(elements, name)
  for _, element in ipairs(elements or {}) do
    if string.match(element.name, "[^:]+$") == name then
      return element
    end
  end
end

-- Streams -----------------------------------------------------------------------------------------

M.XMPP = {}
M.XMPP.__index = M.XMPP

--- `options`: server_name (default: the host's), namespace (default by the port), timeout (ms).
function M.XMPP:new(host, port, options)
  options = options or {}
  local is_server = port.number == 5269 or port.service == "xmpp-server"
  return setmetatable({
    host = host, port = port, timeout = options.timeout or 8000,
    name = options.server_name or stdnse.get_hostname(host),
    namespace = options.namespace or is_server and M.NS.SERVER or M.NS.CLIENT,
  }, self)
end

local function escape(text)
  return (string.gsub(text, "[<>&'\"]", { ["<"] = "&lt;", [">"] = "&gt;", ["&"] = "&amp;",
    ["'"] = "&apos;", ['"'] = "&quot;" }))
end

function M.XMPP:header()
  local dialback = self.namespace == M.NS.SERVER and " xmlns:db='jabber:server:dialback'" or ""
  return ("<?xml version='1.0'?><stream:stream xmlns='%s'%s"
    .. " xmlns:stream='http://etherx.jabber.org/streams' version='1.0' to='%s'>"):format(
    self.namespace, dialback, escape(self.name))
end

-- The position where one of the patterns ends in the buffer; what grows without end ends as it is.
local function up_to(...)
  local patterns = { ... }
  return function(buffer)
    for _, pattern in ipairs(patterns) do
      local first, last = string.find(buffer, pattern)
      if first then
        return first, last
      end
    end
    if #buffer > stanza_max then
      return #buffer, #buffer
    end
  end
end

-- Reads the server's header and its features, or its error: true, or false and the reason. Then
-- `attrs`, `features` (elements) and `errors` (elements) are what it said.
local function read_opening(self)
  local status, text = self.socket:receive_buf(up_to("</stream:features>", "<stream:features%s*/>",
    "</stream:error>", "</stream:stream>"), true)
  if not status then
    return false, text
  end
  local tag, at = M.XML.parse_tag(text)
  if tag and tag.name == "?xml" then
    tag, at = M.XML.parse_tag(text, at)
  end
  if not tag or tag.name ~= "stream:stream" then
    return false, "no XMPP stream"
  end
  local elements = M.XML.parse(string.sub(text, at))
  local features, failure = M.XML.find(elements, "features"), M.XML.find(elements, "error")
  self.attrs = tag.attrs
  self.features, self.errors = features and features.children or {}, failure and failure.children
  return true, tag.attrs
end

--- Opens a stream on the connection, anew after TLS or a login.
function M.XMPP:open()
  local status, reason = self.socket:send(self:header())
  if not status then
    return false, reason
  end
  return read_opening(self)
end

--- Connects, over TLS where the port speaks it from the first byte, and opens a stream: `true,
-- attributes of the server's header`, or `false, reason`.
function M.XMPP:connect()
  local reason
  for _, protocol in ipairs({ "tcp", "ssl" }) do
    self.socket, reason = comm.opencon(self.host, self.port, nil,
      { proto = protocol, connect_only = true, timeout = self.timeout })
    if self.socket then
      local status, header = self:open()
      if status then
        self.secure = protocol == "ssl"
        return true, header
      end
      self.socket:close()
      reason = header
    end
  end
  return false, reason
end

--- Switches to TLS and opens the stream again: true, or false and the reason.
function M.XMPP:starttls()
  self.socket:send(("<starttls xmlns='%s'/>"):format(M.NS.TLS))
  local status, text = self.socket:receive_buf(up_to(">"), true)
  if not status then
    return false, text
  elseif not string.find(text, "<proceed", 1, true) then
    return false, "TLS was refused"
  end
  status, text = self.socket:reconnect_ssl()
  if not status then
    return false, text
  end
  self.secure = true
  return self:open()
end

--- The names of an element's children called `name`, as of <mechanisms> and <compression>.
function M.XMPP:listed(feature, name)
  local list = {}
  local element = M.XML.find(self.features, feature)
  for _, child in ipairs(element and element.children or {}) do
    if child.name == name then
      list[#list + 1] = child.text
    end
  end
  return list
end

function M.XMPP:disconnect()
  self.socket:send("</stream:stream>")
  return self.socket:close()
end

-- Logins ------------------------------------------------------------------------------------------

--- What scripts that log in use: connect, get the mechanisms, log in with PLAIN or LOGIN.
M.Helper = {}
M.Helper.__index = M.Helper

function M.Helper:new(host, port, options)
  return setmetatable({ stream = M.XMPP:new(host, port, options) }, self)
end

function M.Helper:connect()
  local status, reason = self.stream:connect()
  if status and not self.stream.secure and M.XML.find(self.stream.features, "starttls") then
    return self.stream:starttls()
  end
  return status, reason
end

--- The set of mechanisms: { PLAIN = true }.
function M.Helper:getAuthMechs()
  local set = {}
  for _, name in ipairs(self.stream:listed("mechanisms", "mechanism")) do
    set[name] = true
  end
  return set
end

--- Logs in: true, or false and the reason.
function M.Helper:login(username, password, mech)
  if mech ~= "PLAIN" then
    return false, "the mechanism " .. mech .. " is not known"
  end
  local socket = self.stream.socket
  if not socket then
    return false, "there is no connection"
  end
  socket:send(("<auth xmlns='%s' mechanism='PLAIN'>%s</auth>"):format(M.NS.SASL,
    base64.enc("\0" .. username .. "\0" .. password)))
  local status, text = socket:receive_buf(up_to("<success[^<>]*>", "</failure>"), true)
  if not status then
    return false, text
  elseif string.find(text, "<success", 1, true) then
    return true
  end
  local failure = M.XML.find(M.XML.parse(text), "failure")
  local why = failure and failure.children[1]
  return false, "ERROR: " .. (why and why.name or "the login was refused")
end

function M.Helper:close()
  return self.stream:disconnect()
end

return M
