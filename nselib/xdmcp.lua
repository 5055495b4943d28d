--- XDMCP (X Display Manager Control Protocol, version 1.1): asking whether a display manager is
-- willing, and for a session.

local ipairs, ipOps, nmap = ipairs, require "ipOps", require "nmap"
local setmetatable, string, tostring = setmetatable, string, tostring

local M = {}

--- Operation codes.
M.OpCode = { BCAST_QUERY = 1, QUERY = 2, INDIRECT_QUERY = 3, FORWARD_QUERY = 4, WILLING = 5,
  UNWILLING = 6, REQUEST = 7, ACCEPT = 8, DECLINE = 9, MANAGE = 10, REFUSE = 11, FAILED = 12,
  KEEPALIVE = 13, ALIVE = 14 }

local function packet(opcode, body)
  return string.pack(">I2I2s2", 1, opcode, body)
end

-- An array of byte strings, with its length as one byte.
local function array8s(list)
  local out = string.char(#list)
  for _, item in ipairs(list) do
    out = out .. string.pack(">s2", item)
  end
  return out
end

local function class(build)
  local Class = {}
  Class.__index, Class.__tostring = Class, build
  return Class
end

--- Packets by operation code; those that one sends have `new` and turn into bytes with tostring,
-- those that one gets have `parse(body)`.
M.Packet = {}

for _, opcode in ipairs({ 1, 2, 3 }) do
  M.Packet[opcode] = class(function(self)
    return packet(opcode, array8s(self.authentication))
  end)
  local Query = M.Packet[opcode]
  --- A query; `authentication`: names of ways to authenticate.
  Query.new = function(self, authentication)
    return setmetatable({ authentication = authentication or {} }, self)
  end
end

local Request = class(function(self)
  local body = string.pack(">I2B", self.display_number, #self.addresses)
  for _, _ in ipairs(self.addresses) do
    body = body .. string.pack(">I2", 0)
  end
  body = body .. array8s(self.addresses)
  return packet(M.OpCode.REQUEST, body .. string.pack(">s2s2", self.auth_name, self.auth_data)
    .. array8s(self.authorizations) .. string.pack(">s2", self.manufacturer))
end)
M.Packet[M.OpCode.REQUEST] = Request

--- A request for a session: `addresses` are bytes of internet addresses of the display,
-- `authorizations` names of ways to let programs in.
function Request:new(display_number, addresses, auth_name, auth_data, authorizations, manufacturer)
  return setmetatable({
    display_number = display_number or 0, addresses = addresses or {}, auth_name = auth_name or "",
    auth_data = auth_data or "", authorizations = authorizations or {},
    manufacturer = manufacturer or "",
  }, self)
end

-- Byte strings one after the other, into named fields; nil when there are fewer.
local function read_fields(body, at, names)
  local out = {}
  for _, name in ipairs(names) do
    if at + 1 > #body then
      return nil
    end
    local length = string.unpack(">I2", body, at)
    if at + 1 + length > #body then
      return nil
    end
    out[name], at = string.sub(body, at + 2, at + 1 + length), at + 2 + length
  end
  return out
end

M.Packet[M.OpCode.WILLING] = { parse = function(body)
  return read_fields(body, 1, { "authentication", "hostname", "status" })
end }
M.Packet[M.OpCode.UNWILLING] = { parse = function(body)
  return read_fields(body, 1, { "hostname", "status" })
end }
M.Packet[M.OpCode.DECLINE] = { parse = function(body)
  return read_fields(body, 1, { "status", "auth_name", "auth_data" })
end }
M.Packet[M.OpCode.ACCEPT] = { parse = function(body)
  local out = #body >= 4 and read_fields(body, 5, { "auth_name", "auth_data", "authr_name",
    "authr_data" })
  if out then
    out.session_id = string.unpack(">I4", body)
  end
  return out or nil
end }

--- An answer from bytes: a table with the fields of its kind and opcode; nil when it is none.
function M.parse(data)
  if #data < 6 then
    return nil
  end
  local version, opcode, length = string.unpack(">I2I2I2", data)
  local kind = M.Packet[opcode]
  if version ~= 1 or #data < 6 + length or not kind or not kind.parse then
    return nil
  end
  local out = kind.parse(string.sub(data, 7, 6 + length))
  if out then
    out.opcode = opcode
  end
  return out
end

--- A conversation. `options.timeout`: ms (3000).
M.Helper = {}
M.Helper.__index = M.Helper

function M.Helper:new(host, port, options)
  return setmetatable({ host = host, port = port, options = options or {} }, self)
end

function M.Helper:connect()
  local socket = nmap.new_socket("udp")
  socket:set_timeout(self.options.timeout or 3000)
  self.socket = socket
  return socket:connect(self.host, self.port, "udp")
end

function M.Helper:send(request)
  return self.socket:send(tostring(request))
end

--- The next answer: `true, table` or `false, reason`.
function M.Helper:recv()
  local status, data = self.socket:receive()
  if not status then
    return false, data
  end
  local answer = M.parse(data)
  return answer ~= nil, answer or "no XDMCP answer"
end

--- Sends a request and reads its answer. It is sent again when there is none: datagrams get lost.
function M.Helper:exch(request)
  local status, answer
  for _ = 1, 2 do
    status, answer = self:send(request)
    if status then
      status, answer = self:recv()
    end
    if status or answer ~= "TIMEOUT" then
      break
    end
  end
  return status, answer
end

--- Asks a manager that is willing for a session: `true, answer` or `false, why it declines`.
function M.Helper:requestSession(authr_names, display_number)
  local _, lhost = self.socket:get_info()
  local address = lhost and ipOps.ip_to_str(lhost, "inet") or "\127\0\0\1"
  local request = Request:new(display_number or 1, { address }, "", "", authr_names)
  local status, answer = self:exch(request)
  if not status or answer.opcode ~= M.OpCode.ACCEPT then
    return false, status and answer.status or answer
  end
  return true, answer
end

--- Asks whether the manager is willing, and for a session.
function M.Helper:createSession(auth_names, authr_names, display_number)
  local status, answer = self:exch(M.Packet[M.OpCode.QUERY]:new(auth_names))
  if not status or answer.opcode ~= M.OpCode.WILLING then
    return false, status and answer.status or answer
  end
  return self:requestSession(authr_names, display_number)
end

function M.Helper:close()
  return self.socket:close()
end

return M
