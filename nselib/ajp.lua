--- AJP 1.3 (Apache Tomcat's connector protocol): requests as a web server passes them on to Tomcat.

local base64, ipairs, match = require "base64", ipairs, require "match"
local nmap, pairs, setmetatable = require "nmap", pairs, setmetatable
local stdnse, string, table = require "stdnse", string, table

local M = {}

local packet_max, packets_max, body_max, headers_max = 65536, 512, 1048576, 100

-- Methods and header names that have numbers (the protocol's tables of codes).
local methods = { OPTIONS = 1, GET = 2, HEAD = 3, POST = 4, PUT = 5, DELETE = 6, TRACE = 7,
  PROPFIND = 8, PROPPATCH = 9, MKCOL = 10, COPY = 11, MOVE = 12, LOCK = 13, UNLOCK = 14, ACL = 15,
  REPORT = 16, ["VERSION-CONTROL"] = 17, CHECKIN = 18, CHECKOUT = 19, UNCHECKOUT = 20, SEARCH = 21 }
local request_headers = { accept = 1, ["accept-charset"] = 2, ["accept-encoding"] = 3,
  ["accept-language"] = 4, authorization = 5, connection = 6, ["content-type"] = 7,
  ["content-length"] = 8, cookie = 9, cookie2 = 10, host = 11, pragma = 12, referer = 13,
  ["user-agent"] = 14 }
local response_headers = { "Content-Type", "Content-Language", "Content-Length", "Date",
  "Last-Modified", "Location", "Set-Cookie", "Set-Cookie2", "Servlet-Engine", "Status",
  "WWW-Authenticate" }

local SEND_BODY_CHUNK, SEND_HEADERS, END_RESPONSE, GET_BODY_CHUNK = 3, 4, 5, 6

-- A text with its length and a zero.
local function text(s)
  return string.pack(">s2", s) .. "\0"
end

local function sorted_names(headers)
  local names = {}
  for name in pairs(headers) do
    names[#names + 1] = name
  end
  table.sort(names)
  return names
end

--- The bytes of a forward request. `attributes`: { { code, value } }.
function M.request(method, uri, host, port, headers, attributes)
  local path, query = string.match(uri, "^([^?]*)%??(.*)$")
  local names = sorted_names(headers)
  local out = { string.char(2, methods[method] or methods.GET), text("HTTP/1.1"), text(path),
    text("127.0.0.1"), text("localhost"), text(host), string.pack(">I2BI2", port, 0, #names) }
  for _, name in ipairs(names) do
    local code = request_headers[string.lower(name)]
    out[#out + 1] = code and string.pack(">I2", 0xa000 | code) or text(name)
    out[#out + 1] = text(headers[name])
  end
  if query ~= "" then
    out[#out + 1] = "\5" .. text(query)
  end
  for _, attribute in ipairs(attributes or {}) do
    out[#out + 1] = string.char(attribute[1]) .. text(attribute[2])
  end
  out[#out + 1] = "\xff"
  return "\x12\x34" .. string.pack(">s2", table.concat(out))
end

-- The text at a position: text, position after it; nil when it is cut.
local function text_at(data, at)
  if at + 1 > #data then
    return nil
  end
  local length = string.unpack(">I2", data, at)
  if length == 0xffff then
    return "", at + 2
  elseif at + 2 + length > #data + 1 then
    return nil
  end
  return string.sub(data, at + 2, at + 1 + length), at + 3 + length
end

-- The headers of a packet into the response; false when they are broken.
local function read_headers(response, data)
  if #data < 7 then
    return false
  end
  local status = string.unpack(">I2", data, 2)
  local reason, at = text_at(data, 4)
  if not reason or at + 1 > #data then
    return false
  end
  response.status, response.status_line = status, "AJP/1.3 " .. status .. " " .. reason
  local count = string.unpack(">I2", data, at)
  at = at + 2
  for _ = 1, count < headers_max and count or headers_max do
    local name, value
    local code = at + 1 <= #data and string.unpack(">I2", data, at) or 0
    if code & 0xff00 == 0xa000 then
      name, at = response_headers[code & 0xff], at + 2
    else
      name, at = text_at(data, at)
    end
    if at then
      value, at = text_at(data, at)
    end
    if not value then
      return true
    elseif name then
      response.headers[string.lower(name)] = value
      table.insert(response.rawheaders, name .. ": " .. value)
    end
  end
  return true
end

-- The next packet of the server: its data, or nil and the reason.
local function receive(socket)
  local status, head = socket:receive_buf(match.numbytes(4), true)
  if not status then
    return nil, head
  end
  local magic, length = string.unpack(">c2I2", head)
  if magic ~= "AB" or length == 0 or length > packet_max then
    return nil, "no AJP"
  end
  local data
  status, data = socket:receive_buf(match.numbytes(length), true)
  return status and data or nil, data
end

-- The answer to a request: `true, response` or `false, reason`.
local function read_response(socket)
  local response, parts, size = { headers = {}, rawheaders = {} }, {}, 0
  for _ = 1, packets_max do
    local data, reason = receive(socket)
    if not data then
      return false, reason
    end
    local kind = string.byte(data)
    if kind == SEND_HEADERS then
      if not read_headers(response, data) then
        return false, "broken AJP headers"
      end
    elseif kind == SEND_BODY_CHUNK and #data >= 3 and size < body_max then
      local chunk = string.sub(data, 4, 3 + string.unpack(">I2", data, 2))
      parts[#parts + 1], size = chunk, size + #chunk
    elseif kind == GET_BODY_CHUNK then
      -- there is none
      socket:send("\x12\x34\0\0")
    elseif kind == END_RESPONSE then
      response.body = table.concat(parts)
      return response.status ~= nil, response.status and response or "no AJP headers"
    end
  end
  return false, "no end of the AJP response"
end

--- What scripts use.
M.Helper = {}
M.Helper.__index = M.Helper

function M.Helper:new(host, port, options)
  return setmetatable({ host = host, port = port, settings = options or {} }, self)
end

function M.Helper:connect()
  local socket = nmap.new_socket()
  socket:set_timeout(self.settings.timeout or 5000)
  self.socket = socket
  return socket:connect(self.host, self.port, "tcp")
end

--- Sends a request: `true, { status, status_line, headers (names in small letters), rawheaders =
-- array of lines, body }` or `false, reason`. `options.auth`: { username, password }.
function M.Helper:request(method, uri, headers, attributes, options)
  local all = { Host = stdnse.get_hostname(self.host), ["User-Agent"] = "Mozilla/5.0 (compatible; "
    .. "Muster network inventory)", ["Content-Length"] = "0" }
  for name, value in pairs(headers or {}) do
    all[name] = value
  end
  local auth = options and options.auth
  if auth and auth.username and auth.password then
    all.Authorization = "Basic " .. base64.enc(auth.username .. ":" .. auth.password)
  end
  local status, reason = self.socket:send(M.request(string.upper(method), uri,
    stdnse.get_hostname(self.host), self.port.number, all, attributes))
  if not status then
    return false, reason
  end
  return read_response(self.socket)
end

for _, method in ipairs({ "get", "head", "trace", "put", "delete", "options", "post" }) do
  M.Helper[method] = function(self, uri, headers, attributes, options)
    return self:request(method, uri, headers, attributes, options)
  end
end

function M.Helper:close()
  return self.socket:close()
end

return M
