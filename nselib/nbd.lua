--- Network Block Device (proto.md of the NBD project): the newstyle negotiation, its list of exports
-- and what is told of each; the greeting of oldstyle servers.

local comm, match, setmetatable = require "comm", require "match", setmetatable
local string = string

local M = {}

local INIT, OPTION, OLD = "NBDMAGIC", "IHAVEOPT", 0x420281861253
local REPLY = 0x3e889045565a9
local data_max, replies_max = 16384, 200

M.NBD = {
  opt_req_types = { EXPORT_NAME = 1, ABORT = 2, LIST = 3, INFO = 6 },
  opt_rep_types = { ACK = 1, SERVER = 2, INFO = 3 },
}

--- Bits of the transmission flags, in order from bit 0.
M.FLAGS = { "HAS_FLAGS", "READ_ONLY", "SEND_FLUSH", "SEND_FUA", "ROTATIONAL", "SEND_TRIM",
  "SEND_WRITE_ZEROES", "SEND_DF", "CAN_MULTI_CONN", "SEND_RESIZE", "SEND_CACHE",
  "SEND_FAST_ZERO" }

M.Comm = {}
M.Comm.__index = M.Comm

function M.Comm:new(host, port)
  return setmetatable({ host = host, port = port, exports = {} }, self)
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
  self.exports[1] = { name = "", size = size, flags = flags }
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

--- Connects, over TLS where `use_tls`, and reads the greeting: true, or false and the reason. Then
-- `protocol.negotiation` is "oldstyle", "newstyle" or "fixed newstyle".
function M.Comm:connect(use_tls)
  local reason
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
  return true
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

-- Sends an option and gives each of its replies to `each(type, data)`, up to the acknowledgement:
-- true, or false and the reason.
local function ask(self, option, data, each)
  self.socket:send(OPTION .. string.pack(">I4s4", option, data))
  for _ = 1, replies_max do
    local status, head = read(self, 20)
    if not status then
      return false, head
    end
    local magic, answered, kind, length = string.unpack(">I8I4I4I4", head)
    if magic ~= REPLY or answered ~= option or length > data_max then
      return false, "no answer to an option"
    end
    local content = ""
    if length > 0 then
      status, content = read(self, length)
    end
    if not status then
      return false, content
    elseif kind == M.NBD.opt_rep_types.ACK then
      return true
    elseif kind >= 0x80000000 then
      return false, content ~= "" and content or ("error 0x%08x"):format(kind)
    end
    each(kind, content)
  end
  return false, "the answer does not end"
end

--- The names of the exports into `exports`: true, or false and the reason.
function M.Comm:list()
  return ask(self, M.NBD.opt_req_types.LIST, "", function(kind, data)
    local length = #data >= 4 and string.unpack(">I4", data) or #data
    if kind == M.NBD.opt_rep_types.SERVER and 4 + length <= #data then
      self.exports[#self.exports + 1] = { name = string.sub(data, 5, 4 + length) }
    end
  end)
end

--- Size and flags of an export, into it: true, or false and the reason.
function M.Comm:info(export)
  local request = string.pack(">s4I2", export.name, 0)
  return ask(self, M.NBD.opt_req_types.INFO, request, function(kind, data)
    if kind == M.NBD.opt_rep_types.INFO and #data >= 12 and string.unpack(">I2", data) == 0 then
      export.size, export.flags = string.unpack(">I8I2", data, 3)
    end
  end)
end

--- The same by opening the export, which ends the negotiation: for servers that do not know the
-- question above, or answer it with a size of zero (nbd-server 3.24).
function M.Comm:attach(export)
  self.attached = true
  self.socket:send(OPTION .. string.pack(">I4s4", M.NBD.opt_req_types.EXPORT_NAME, export.name))
  local status, data = read(self, 10)
  if not status then
    return false, data
  end
  export.size, export.flags = string.unpack(">I8I2", data)
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
