--- AJP 1.3 ("AJPv13", the protocol between a web server and Tomcat), from the side of the web
-- server.
--
--     local helper = ajp.Helper:new(host, port)
--     local status, reason = helper:connect()
--     local status, response = helper:get("/")
--     helper:close()
--
-- A response: `status` (number), `status_line` (also as `status-line`), `rawheaders` (lines),
-- `headers` (names in lower case), `body`.

local ipairs, match, nmap, pairs = ipairs, require "match", require "nmap", pairs
local setmetatable, string, table = setmetatable, string, table

local M = {}

--- Methods and their codes.
M.Method = {
  OPTIONS = 1, GET = 2, HEAD = 3, POST = 4, PUT = 5, DELETE = 6, TRACE = 7, PROPFIND = 8,
  PROPPATCH = 9, MKCOL = 10, COPY = 11, MOVE = 12, LOCK = 13, UNLOCK = 14,
}

local kinds = { body = 3, headers = 4, ended = 5, wants_body = 6 }
local answer_names = {
  "Content-Type", "Content-Language", "Content-Length", "Date", "Last-Modified", "Location",
  "Set-Cookie", "Set-Cookie2", "Servlet-Engine", "Status", "WWW-Authenticate",
}
local body_max, packets_max, fields_max = 1048576, 512, 200

-- A text, its length in front and a zero behind; nil has the length 0xffff.
local function text(s)
  return s and string.pack(">s2B", s, 0) or "\xff\xff"
end

local function forward_request(helper, method, uri, headers, attributes)
  local parts = {
    string.pack("BB", 2, M.Method[method]), text("HTTP/1.1"), text(uri), text("127.0.0.1"),
    text(nil), text(helper.host.targetname or helper.host.ip), string.pack(">I2B",
    helper.port.number, 0),
  }
  local n, list = 0, {}
  for name, value in pairs(headers or {}) do
    n = n + 1
    list[n] = text(name) .. text(value)
  end
  parts[#parts + 1] = string.pack(">I2", n) .. table.concat(list)
  for name, value in pairs(attributes or {}) do
    parts[#parts + 1] = "\x0a" .. text(name) .. text(value)
  end
  local data = table.concat(parts) .. "\xff"
  return "\x12\x34" .. string.pack(">s2", data)
end

-- The next packet of the server: its data; nil, reason.
local function read_packet(socket)
  local status, head = socket:receive_buf(match.numbytes(4), true)
  if not status then
    return nil, head
  end
  local mark, length = string.unpack(">c2I2", head)
  if mark ~= "AB" or length < 1 then
    return nil, "the server does not speak AJP"
  end
  local data
  status, data = socket:receive_buf(match.numbytes(length), true)
  if not status then
    return nil, data
  end
  return data
end

-- A text at `at`: text, position behind it; nil when it is cut short.
local function read_text(data, at)
  if at + 1 > #data then
    return nil
  end
  local length = string.unpack(">I2", data, at)
  if length == 0xffff then
    return "", at + 2
  elseif at + 2 + length > #data then
    return nil
  end
  return string.sub(data, at + 2, at + 1 + length), at + 3 + length
end

-- Names are codes from 0xa001 on, or texts.
local function read_name(data, at)
  local code = at + 1 <= #data and string.unpack(">I2", data, at)
  if code and code & 0xff00 == 0xa000 and answer_names[code & 0xff] then
    return answer_names[code & 0xff], at + 2
  end
  return read_text(data, at)
end

-- SEND_HEADERS: a response without a body; nil when it is broken.
local function read_headers(data)
  if #data < 3 then
    return nil
  end
  local response = { status = string.unpack(">I2", data, 2), rawheaders = {}, headers = {} }
  local message, at = read_text(data, 4)
  if not message or at + 1 > #data then
    return nil
  end
  response.status_line = "AJP/1.3 " .. response.status .. " " .. message
  response["status-line"] = response.status_line
  local n
  n, at = string.unpack(">I2", data, at)
  for _ = 1, n < fields_max and n or fields_max do
    local name, value
    name, at = read_name(data, at)
    if name then
      value, at = read_text(data, at)
    end
    if not value then
      return nil
    end
    table.insert(response.rawheaders, name .. ": " .. value)
    response.headers[string.lower(name)] = value
  end
  return response
end

-- Headers, pieces of the body, the end.
local function read_response(socket)
  local response, pieces, size = nil, {}, 0
  for _ = 1, packets_max do
    local data, reason = read_packet(socket)
    if not data then
      return false, reason
    end
    local kind = string.byte(data)
    if kind == kinds.headers then
      response = read_headers(data)
    elseif kind == kinds.body and #data >= 3 then
      local piece = string.sub(data, 4, 3 + string.unpack(">I2", data, 2))
      pieces[#pieces + 1], size = piece, size + #piece
    elseif kind == kinds.wants_body then
      socket:send("\x12\x34\0\0")
    end
    if kind == kinds.ended or size > body_max or not response then
      break
    end
  end
  if not response then
    return false, "a broken answer"
  end
  response.body = table.concat(pieces)
  return true, response
end

M.Helper = {}
M.Helper.__index = M.Helper

--- `opt.timeout`: milliseconds (5000).
function M.Helper:new(host, port, opt)
  return setmetatable({ host = host, port = port, opt = opt or {} }, self)
end

--- Connects: true, or false and the reason. `socket`: one that is connected already.
function M.Helper:connect(socket)
  self.socket = socket or nmap.new_socket()
  self.socket:set_timeout(self.opt.timeout or 5000)
  if socket then
    return true
  end
  local status, reason = self.socket:connect(self.host, self.port)
  return status == true, reason
end

--- One request: `true, response` or `false, reason`.
function M.Helper:request(method, url, headers, attributes)
  if not M.Method[method] then
    return false, "no such method"
  end
  local status, reason = self.socket:send(forward_request(self, method, url, headers, attributes))
  if not status then
    return false, reason
  end
  return read_response(self.socket)
end

for _, method in ipairs({ "GET", "HEAD", "OPTIONS" }) do
  M.Helper[string.lower(method)] = function(self, url, headers, attributes)
    return self:request(method, url, headers, attributes)
  end
end

--- Closes the connection.
function M.Helper:close()
  return self.socket:close()
end

return M
