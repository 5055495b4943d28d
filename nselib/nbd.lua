--- Network Block Device (proto.md of the NBD project): the newstyle negotiation, its list of exports
-- and what is told of each; the greeting of oldstyle servers.

local comm, ipairs, match, pairs = require "comm", ipairs, require "match", pairs
local require, setmetatable, string, type = require, setmetatable, string, type

local M = {}

local INIT, OPTION, OLD = "NBDMAGIC", "IHAVEOPT", 0x420281861253
local REPLY = 0x3e889045565a9
local data_max, replies_max = 16384, 200

--- Numbers of the protocol by name. SERVER, ... are kinds of replies; flags are bits.
M.NBD = {
  handshake_flags = { FIXED_NEWSTYLE = 1, NO_ZEROES = 2 }, transmission_flags = {},
  opt_req_types = { EXPORT_NAME = 1, ABORT = 2, LIST = 3, INFO = 6 },
  opt_rep_types = { ACK = 1, SERVER = 2, INFO = 3 },
}

--- Bits of the transmission flags, in order from bit 0.
M.FLAGS = { "HAS_FLAGS", "READ_ONLY", "SEND_FLUSH", "SEND_FUA", "ROTATIONAL", "SEND_TRIM",
  "SEND_WRITE_ZEROES", "SEND_DF", "CAN_MULTI_CONN", "SEND_RESIZE", "SEND_CACHE",
  "SEND_FAST_ZERO" }

for i, name in ipairs(M.FLAGS) do
  M.NBD.transmission_flags[name] = 1 << i - 1
end

M.Comm = {}
M.Comm.__index = M.Comm

--- A connection to be. `exports` will have { size, flags (number), tflags (names as keys) } by name;
-- `names` the names in the server's order.
function M.Comm:new(host, port)
  return setmetatable({ host = host, port = port, exports = {}, names = {} }, self)
end

-- What is known of an export, beside what is known already.
local function note(self, name, size, flags)
  if not self.exports[name] then
    self.exports[name] = {}
    self.names[#self.names + 1] = name
  end
  local export = self.exports[name]
  if size then
    export.size, export.flags, export.tflags = size, flags, {}
    for _, flag in ipairs(M.flag_names(flags)) do
      export.tflags[flag] = true
    end
  end
end

local function read(self, n)
  return self.socket:receive_buf(match.numbytes(n), true)
end

-- Oldstyle: size and flags of the one export follow the greeting, then 124 zeros.
local function greet_old(self)
  local status, data = read(self, 12)
  if not status then
    return false, data
  end
  local size, flags = string.unpack(">I8I4", data)
  self.protocol = { negotiation = "oldstyle" }
  note(self, "(default)", size, flags & 0xffff)
  self.exports["(default)"].hflags = flags >> 16
  return true
end

-- Newstyle: flags of both sides; bit 0 is "fixed", bit 1 "no zeros".
local function greet_new(self)
  local status, data = read(self, 2)
  if not status then
    return false, data
  end
  local flags = string.unpack(">I2", data)
  self.protocol = { negotiation = flags & 1 ~= 0 and "fixed newstyle" or "newstyle" }
  return self.socket:send(string.pack(">I4", flags & 3))
end

--- Connects, over TLS where `use_tls` is true, and reads the greeting: true, or false and the reason.
-- Then `protocol.negotiation` is "oldstyle", "newstyle", "fixed newstyle", and `protocol.ssl_tls` tells
-- of TLS.
function M.Comm:connect(use_tls)
  local reason
  self.attached, self.use_tls = nil, use_tls == true
  self.socket, reason = comm.opencon(self.host, self.port, nil,
    { proto = use_tls == true and "ssl" or "tcp", connect_only = true, timeout = 7000 })
  if not self.socket then
    return false, reason
  end
  local status, data = read(self, 16)
  if status and string.sub(data, 1, 8) == INIT then
    if string.sub(data, 9) == OPTION then
      status, data = greet_new(self)
    elseif string.unpack(">I8", data, 9) == OLD then
      status, data = greet_old(self)
    else
      status, data = false, "another kind of NBD"
    end
  else
    status, data = false, status and "no NBD server" or data
  end
  if not status then
    self.socket:close()
    return false, data
  end
  self.protocol.ssl_tls = self.use_tls
  return true
end

--- Ends the connection and makes it once more: true, or false and the reason.
function M.Comm:reconnect()
  self:close()
  return self:connect(self.use_tls)
end

--- Ends the negotiation, or what follows it.
function M.Comm:close()
  if self.attached then
    self.socket:send(string.pack(">I4I2I2I8I8I4", 0x25609513, 0, 2, 0, 0, 0))
  elseif self.protocol.negotiation ~= "oldstyle" then
    self.socket:send(OPTION .. string.pack(">I4I4", M.NBD.opt_req_types.ABORT, 0))
  end
  return self.socket:close()
end

--- An option as it is sent: its name ("LIST", "INFO", ...) or number, its data; nil for a name that is
-- not known.
function M.Comm:build_opt_req(option, data)
  local number = type(option) == "string" and M.NBD.opt_req_types[option] or option
  return type(number) == "number" and OPTION .. string.pack(">I4s4", number, data or "") or nil
end

--- Sends what build_opt_req made.
function M.Comm:send(bytes)
  return self.socket:send(bytes)
end

local function rest_of(self, head)
  local magic, answered, kind, length = string.unpack(">I8I4I4I4", head)
  if magic ~= REPLY or length > data_max then
    return nil, "no answer to an option"
  end
  local status, content = true, ""
  if length > 0 then
    status, content = read(self, length)
  end
  return status and { option = answered, rtype = kind, data = content } or nil, content
end

--- The next reply to an option: { option, rtype, rtype_name, data, export_name (of SERVER) }; nil and
-- the reason.
function M.Comm:receive_opt_rep()
  local status, head = read(self, 20)
  if not status then
    return nil, head
  end
  local reply, reason = rest_of(self, head)
  if not reply then
    return nil, reason
  end
  for name, number in pairs(M.NBD.opt_rep_types) do
    reply.rtype_name = number == reply.rtype and name or reply.rtype_name
  end
  local data = reply.data
  if reply.rtype_name == "SERVER" and #data >= 4 and 4 + string.unpack(">I4", data) <= #data then
    reply.export_name = string.unpack(">s4", data)
  elseif reply.rtype_name == "SERVER" then
    return nil, "no name of an export"
  end
  return reply
end

-- Sends an option and gives each of its replies to `each`, up to the acknowledgement: true, or false
-- and the reason.
local function ask(self, option, data, each)
  self:send(self:build_opt_req(option, data))
  for _ = 1, replies_max do
    local reply, reason = self:receive_opt_rep()
    if not reply then
      return false, reason
    elseif reply.option ~= M.NBD.opt_req_types[option] then
      return false, "no answer to an option"
    elseif reply.rtype_name == "ACK" then
      return true
    elseif reply.rtype >= 0x80000000 then
      return false, reply.data ~= "" and reply.data or ("error 0x%08x"):format(reply.rtype)
    end
    each(reply)
  end
  return false, "the answer does not end"
end

--- The names of the exports into `exports` and `names`: true, or false and the reason.
function M.Comm:list()
  return ask(self, "LIST", "", function(reply)
    if reply.export_name then
      note(self, reply.export_name)
    end
  end)
end

--- Size and flags of an export into `exports`: true, or false and the reason.
function M.Comm:info(name)
  return ask(self, "INFO", string.pack(">s4I2", name, 0), function(reply)
    local data = reply.data
    if reply.rtype_name == "INFO" and #data >= 12 and string.unpack(">I2", data) == 0 then
      note(self, name, string.unpack(">I8I2", data, 3))
    end
  end)
end

--- The same by opening the export, which ends the negotiation: for servers that do not know the
-- question above, or answer it with a size of zero (nbd-server 3.24).
function M.Comm:attach(name)
  self.attached = true
  self:send(self:build_opt_req("EXPORT_NAME", name))
  local status, data = read(self, 10)
  if not status then
    return false, data
  end
  note(self, name, string.unpack(">I8I2", data))
  return true
end

--- The names of the bits that are set.
function M.flag_names(flags)
  local list = {}
  for i = 1, #M.FLAGS do
    if flags & 1 << i - 1 ~= 0 then
      list[#list + 1] = M.FLAGS[i]
    end
  end
  return list
end

return M
