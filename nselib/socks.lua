--- SOCKS 4, 4a and 5 (RFC 1928, RFC 1929) as far as a visitor needs them.

local ipOps, match, nmap = require "ipOps", require "match", require "nmap"
local pairs, setmetatable, string, type = pairs, setmetatable, string, type

local M = {}

--- Methods of authentication (RFC 1928, section 3), by name and by number.
M.AuthMethod = { NONE = 0, GSSAPI = 1, USERPASS = 2 }
local method_names = { [0] = "No authentication", [1] = "GSSAPI", [2] = "Username and password" }

--- The name of a method.
function M.method_name(number)
  return method_names[number] or ("Unknown method (%d)"):format(number)
end

--- A conversation.
M.Helper = {}
M.Helper.__index = M.Helper

function M.Helper:new(host, port, options)
  return setmetatable({ host = host, port = port, options = options or {} }, self)
end

local function open(self)
  self.socket = nmap.new_socket()
  local patience = self.options.timeout or 5000
  self.socket:set_timeout(patience)
  local host, port = self.host, self.port
  return self.socket:connect(host, port)
end

--- Offers methods (NONE when nil): `true, { method =, name = }` with the one that the server
-- takes, or `false, reason, connected`.
function M.Helper:connect(methods)
  local status, reason = open(self)
  if not status then
    return false, reason, false
  end
  methods = methods or { M.AuthMethod.NONE }
  local list = ""
  for _, number in pairs(type(methods) == "table" and methods or { methods }) do
    list = list .. string.char(number)
  end
  self.socket:send(string.char(5, #list) .. list)
  local answer
  status, answer = self.socket:receive_buf(match.numbytes(2), true)
  if not status then
    return false, answer, true
  elseif string.byte(answer) ~= 5 then
    return false, "no SOCKS 5 server", true
  elseif string.byte(answer, 2) == 255 then
    return false, "no acceptable method", true
  end
  local number = string.byte(answer, 2)
  return true, { method = number, name = M.method_name(number) }
end

--- Asks a version 5 server to connect on: true, or false, reason.
function M.Helper:connect_to(ip, port)
  local address = ipOps.ip_to_str(ip)
  self.socket:send(string.pack(">BBBB", 5, 1, 0, #address == 16 and 4 or 1) .. address
    .. string.pack(">I2", port))
  local status, answer = self.socket:receive_buf(match.numbytes(4), true)
  if not status then
    return false, answer
  elseif string.byte(answer) ~= 5 then
    return false, "no SOCKS 5 server"
  end
  return string.byte(answer, 2) == 0, ("reply %d"):format(string.byte(answer, 2))
end

--- Asks a version 4 server to connect on: true, or false, reason, connected.
function M.Helper:connect4(ip, port)
  local status, reason = open(self)
  if not status then
    return false, reason, false
  end
  self.socket:send(string.pack(">BBI2", 4, 1, port) .. ipOps.ip_to_str(ip) .. "\0")
  local answer
  status, answer = self.socket:receive_buf(match.numbytes(8), true)
  if not status then
    return false, answer, true
  elseif string.byte(answer) ~= 0 then
    return false, "no SOCKS 4 server", true
  end
  return string.byte(answer, 2) == 90, ("reply %d"):format(string.byte(answer, 2)), true
end

function M.Helper:close()
  return self.socket:close()
end

return M
