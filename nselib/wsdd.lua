--- WS-Discovery (OASIS, version 1.1, and the draft of April 2005 that devices speak): SOAP over UDP
-- to port 3702.

local ipairs, math, nmap, pcall = ipairs, math, require "nmap", pcall
local rand, setmetatable, slaxml = require "rand", setmetatable, require "slaxml"
local stdnse, string, table = require "stdnse", string, table
local stringaux = require "stringaux"

local M = {}

local group = "239.255.255.250"
local matches_max, message_max, value_max = 64, 65536, 400
-- ms for the other endpoints of a host, after the first answered
local together = 500

M.Util = {}

--- A random UUID (RFC 4122, version 4).
function M.Util.generateUUID()
  local hex = stdnse.tohex(rand.random_string(16))
  return string.format("%s-%s-4%s-a%s-%s", string.sub(hex, 1, 8), string.sub(hex, 9, 12),
    string.sub(hex, 14, 16), string.sub(hex, 18, 20), string.sub(hex, 21, 32))
end

-- What one can ask for: everything, or services of WCF (metadata exchange).
local probes = {
  general = { name = "general", desc = "Devices", types = nil },
  wcf = { name = "wcf", desc = "WCF Services", types = "wsdp:Device" },
}

function M.Util.getProbeByName(name)
  return probes[name]
end

function M.Util.getProbes()
  return probes
end

--- The bytes of a Probe with a message id; `types`: qualified names, or nil for all.
function M.probe(id, types)
  return '<?xml version="1.0" encoding="utf-8"?><s:Envelope '
    .. 'xmlns:s="http://www.w3.org/2003/05/soap-envelope" '
    .. 'xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing" '
    .. 'xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery" '
    .. 'xmlns:wsdp="http://schemas.xmlsoap.org/ws/2006/02/devprof"><s:Header>'
    .. "<a:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe</a:Action>"
    .. "<a:MessageID>urn:uuid:" .. id .. "</a:MessageID>"
    .. "<a:To>urn:schemas-xmlsoap-org:ws:2005:04:discovery</a:To></s:Header><s:Body><d:Probe>"
    .. (types and "<d:Types>" .. types .. "</d:Types>" or "") .. "</d:Probe></s:Body></s:Envelope>"
end

local matched = { Address = "endpoint", Types = "types", Scopes = "scopes", XAddrs = "xaddrs",
  MetadataVersion = "version" }

--- The answer to a Probe: { relates_to, message_id, matches = array of { endpoint, types, scopes,
-- xaddrs, version } }; nil when it is none.
function M.parse_matches(data)
  if not string.find(data, "ProbeMatches", 1, true) then
    return nil
  end
  local out, current, name = { matches = {} }, nil, nil
  local reader = slaxml.parser:new({
    startElement = function(element)
      name = element
      if element == "ProbeMatch" and #out.matches < matches_max then
        current = {}
        out.matches[#out.matches + 1] = current
      end
    end,
    closeElement = function(element)
      name = nil
      if element == "ProbeMatch" then
        current = nil
      end
    end,
    text = function(text)
      text = string.sub(string.gsub(stringaux.trim(text), "%s+", " "), 1, value_max)
      if text == "" then
        return
      elseif name == "RelatesTo" then
        out.relates_to = text
      elseif name == "MessageID" then
        out.message_id = text
      elseif current and matched[name] then
        current[matched[name]] = current[matched[name]] or text
      end
    end,
  })
  return pcall(reader.parseSAX, reader, string.sub(data, 1, message_max)) and out or nil
end

--- What scripts use. Without a host it asks the link by multicast.
M.Helper = {}
M.Helper.__index = M.Helper

function M.Helper:new(host, port)
  return setmetatable({ host = host, port = port, mcast = not host, timeout = 5000 }, self)
end

function M.Helper:setMulticast(mcast)
  self.mcast = mcast
end

--- `timeout`: ms.
function M.Helper:setTimeout(timeout)
  self.timeout = timeout or self.timeout
end

-- One probe for all and one for devices: some answer only when types are named. Both have one
-- number each. True when one went out.
local function send_probes(self, socket, types)
  local ids, sent = {}, false
  for _, wanted in ipairs(types and { types } or { "", "wsdp:Device" }) do
    local id = M.Util.generateUUID()
    local bytes = M.probe(id, wanted ~= "" and wanted or nil)
    ids[id] = true
    if self.mcast then
      sent = socket:sendto(group, 3702, bytes) or sent
    else
      sent = socket:sendto(self.host, self.port, bytes) or sent
    end
  end
  return sent, ids
end

local function is_ours(answer, ids)
  local id = answer.relates_to and string.match(answer.relates_to, "%f[%x](%x+%-%x+%-%x+%-%x+%-%x+)$")
  return answer.relates_to == nil or ids[id] ~= nil
end

-- Adds what is new in an answer.
local function note(found, seen, answer, ip)
  for _, match in ipairs(answer.matches) do
    local key = (match.endpoint or "") .. " " .. (match.xaddrs or "")
    if not seen[key] then
      seen[key], match.message_id, match.ip = true, answer.message_id, ip
      found[#found + 1] = match
    end
  end
end

-- The order of answers says nothing.
local function sort_matches(found)
  table.sort(found, function(a, b)
    if a.endpoint ~= b.endpoint then
      return (a.endpoint or "") < (b.endpoint or "")
    end
    return (a.xaddrs or "") < (b.xaddrs or "")
  end)
  return found
end

-- Collects answers: array of matches, and why there are no more.
local function read_answers(self, socket, ids)
  local found, seen = {}, {}
  local deadline = nmap.clock_ms() + self.timeout
  for _ = 1, matches_max do
    local status, data = socket:receive()
    if not status then
      return found, data
    end
    local answer = M.parse_matches(data)
    if answer and is_ours(answer, ids) then
      local known, _, _, ip = socket:get_info()
      note(found, seen, answer, known and ip or nil)
    end
    local now, hurry = nmap.clock_ms(), #found > 0 and not self.mcast
    deadline = hurry and math.min(deadline, now + together) or deadline
    if now >= deadline then
      break
    elseif hurry then
      socket:set_timeout(math.max(1, (deadline - now) // 1))
    end
  end
  return found, "no answer"
end

--- Asks: `true, array of { ip, message_id, endpoint, types, scopes, xaddrs, version }`, sorted by
-- endpoint, or `false, reason`. By multicast it waits until the time is over, else half a second
-- after the first answer. `types`: qualified names; nil for all.
function M.Helper:discover(types)
  local socket = nmap.new_socket("udp")
  socket:set_timeout(self.timeout)
  local sent, ids = send_probes(self, socket, types)
  local found, reason = {}, "not sent"
  if sent then
    found, reason = read_answers(self, socket, ids)
  end
  socket:close()
  return #found > 0, #found > 0 and sort_matches(found) or reason
end

local function bare_id(id)
  return id and string.gsub(string.gsub(id, "^urn:uuid:", ""), "^uuid:", "") or nil
end

--- A match as lines: message id, address, type, endpoint, scopes.
function M.lines_of(match)
  local lines = {}
  for _, item in ipairs({ { "Message id", bare_id(match.message_id) }, { "Address", match.xaddrs },
    { "Type", match.types }, { "Endpoint", match.endpoint }, { "Scopes", match.scopes } }) do
    if item[2] then
      lines[#lines + 1] = item[1] .. ": " .. item[2]
    end
  end
  return lines
end

--- Asks with a probe by name ("general", "wcf"): `true, lines for stdnse.format_output` or `false,
-- reason`.
function M.Helper:discoverServices(name)
  local probe = probes[name or "general"]
  local status, found = self:discover(probe and probe.types)
  if not status then
    return false, found
  end
  local out = { name = probe.desc }
  for _, match in ipairs(found) do
    for _, line in ipairs(M.lines_of(match)) do
      table.insert(out, line)
    end
  end
  return true, out
end

function M.Helper:discoverDevices()
  return self:discoverServices("general")
end

function M.Helper:discoverWCFServices()
  return self:discoverServices("wcf")
end

return M
