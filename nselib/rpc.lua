--- ONC RPC (RFC 5531), the port mapper and rpcbind (RFC 1833), mount and NFS as far as they tell
-- about exports (RFC 1094, RFC 1813).
--
--     local status, programs = rpc.Helper.RpcInfo(host, port)
--     local status, mounts = rpc.Helper.ShowMounts(host, port)

local asker, error, ipairs, math = require "asker", error, ipairs, math
local nmap = require "nmap"
local pairs, pcall, rand, setmetatable = pairs, pcall, require "rand", setmetatable
local select, string, table = select, string, table
local tonumber, tostring, type = tonumber, tostring, type

local nfs, show, Util = require "rpc.nfs", require "rpc.show", require "rpc.xdr"

for name, f in pairs(show) do
  Util[name] = f
end

local M = { Mount = nfs.Mount, NFS = nfs.NFS, Util = Util }

local record_max, fragments_max, items_max = 4 * 1024 * 1024, 10000, 10000

--- Versions that we speak, lowest and highest.
M.RPC_version = { rpcbind = { min = 2, max = 4 }, nfs = { min = 1, max = 3 }, mountd = {
  min = 1, max = 3 } }
M.RPC_args = {
  rpcbind = { proto = "rpc.protocol" }, nfs = { ver = "nfs.version" },
  mountd = { ver = "mount.version" },
}

-- Calls -------------------------------------------------------------------------------------------

--- One conversation with a program.
M.Comm = {}
M.Comm.__index = M.Comm

function M.Comm:new(program, version)
  return setmetatable({
    program = program, program_id = tonumber(program) or Util.ProgNameToNumber(program),
    version = version, checkprogver = true,
  }, self)
end

--- Connects to the port of the program: true, or false and the reason. From a privileged port where
-- that is allowed, because mount daemons may want it.
function M.Comm:Connect(host, port, timeout)
  local status, reason
  self.host, self.port, self.buffer, self.at = host, port, nil, nil
  self.proto = type(port) == "table" and port.protocol or "tcp"
  for try = 1, nmap.is_privileged() and 3 or 1 do
    self.socket = nmap.new_socket(self.proto)
    self.socket:set_timeout(timeout or 5000)
    if try < 3 and nmap.is_privileged() then
      self.socket:bind(nil, rand.random_integer(600, 1023))
    end
    status, reason = self.socket:connect(host, port, self.proto)
    if status then
      return true
    end
    self.socket:close()
  end
  return false, reason
end

--- Closes the connection.
function M.Comm:Disconnect()
  return self.socket and self.socket:close()
end

--- Other program numbers and versions than the names say; is the version checked?
function M.Comm:SetProgID(progid)
  self.program_id = progid
end
function M.Comm:SetVersion(version)
  self.version = version
  return true
end
function M.Comm:SetCheckProgVer(check)
  self.checkprogver = check
end
function M.Comm:ChkProgram()
  return self.program_id ~= nil
end
function M.Comm:ChkVersion()
  local range = M.RPC_version[self.program]
  return not range or self.version >= range.min and self.version <= range.max
end

--- What the socket says of itself.
function M.Comm:GetSocketInfo()
  return self.socket:get_info()
end

--- The bytes of a call; without a procedure of the null procedure, which every program has.
function M.Comm:EncodePacket(xid, proc, auth, data)
  self.xid = xid or rand.random_integer(1, 0x7fffffff)
  local credentials = "\0\0\0\0\0\0\0\0"
  if auth and auth.type == M.Portmap.AuthType.UNIX then
    local body = string.pack(">I4", 0) .. Util.marshall_vopaque(auth.machine or "")
      .. string.pack(">I4I4I4", auth.uid or 0, auth.gid or 0, 0)
    credentials = string.pack(">I4", 1) .. Util.marshall_vopaque(body)
  end
  local packet = string.pack(">I4I4I4I4I4I4", self.xid, 0, 2, self.program_id, self.version,
    proc or 0)
    .. credentials
    .. "\0\0\0\0\0\0\0\0" .. (data or "")
  if self.proto == "tcp" then
    packet = string.pack(">I4", #packet | 0x80000000) .. packet
  end
  return packet
end

--- Sends a packet: true, or false and the reason.
function M.Comm:SendPacket(packet)
  return self.socket:send(packet)
end

-- Takes `n` bytes of the stream; what came beyond them is kept for the next call. nil, reason.
local function take(self, n)
  local buffer, at = self.buffer or "", self.at or 1
  if #buffer - at + 1 < n then
    local pieces = { string.sub(buffer, at) }
    local size = #pieces[1]
    while size < n do
      local status, data = self.socket:receive_bytes(n - size)
      if not status then
        return nil, data
      end
      pieces[#pieces + 1], size = data, size + #data
    end
    buffer, at = table.concat(pieces), 1
  end
  self.buffer, self.at = buffer, at + n
  return string.sub(buffer, at, at + n - 1)
end

-- Collects fragments up to the last (RFC 5531, section 11).
local function receive_record(self)
  local parts, size = {}, 0
  for _ = 1, fragments_max do
    local mark, reason = take(self, 4)
    if not mark then
      return nil, reason
    end
    local word = string.unpack(">I4", mark)
    size = size + (word & 0x7fffffff)
    if size > record_max then
      return nil, "the record is too long"
    end
    parts[#parts + 1], reason = take(self, word & 0x7fffffff)
    if reason then
      return nil, reason
    elseif word & 0x80000000 ~= 0 then
      return table.concat(parts)
    end
  end
  return nil, "too many fragments"
end

--- Receives one packet: `true, bytes` or `false, reason`.
function M.Comm:ReceivePacket()
  if self.proto == "tcp" then
    local bytes, reason = receive_record(self)
    return bytes ~= nil, bytes or reason
  end
  local status, bytes = self.socket:receive()
  return status and true or false, bytes
end

--- The header of a reply at `pos`: position after it and { xid, type, state, verifier, accept_state
-- }; nil when it is broken.
function M.Comm.DecodeHeader(_, data, pos)
  local header = {}
  local ok, after = pcall(function()
    local flavour, length, at
    header.xid, header.type, header.state, at = string.unpack(">I4I4I4", data, pos)
    if header.state == M.Portmap.State.MSG_ACCEPTED then
      flavour, length, at = string.unpack(">I4I4", data, at)
      header.verifier = { flavour, length }
      at = at + length + Util.CalcFillBytes(length)
      header.accept_state, at = string.unpack(">I4", data, at)
    else
      header.denied_state, at = string.unpack(">I4", data, at)
    end
    return at
  end)
  if not ok then
    return nil
  end
  return after, header
end

--- Calls a procedure: `true, data of the result` or `false, reason`.
function M.Comm:Call(proc, data, auth)
  local status, reply = self:SendPacket(self:EncodePacket(nil, proc, auth, data))
  if not status then
    return false, reply
  end
  for _ = 1, 5 do
    status, reply = self:ReceivePacket()
    if not status then
      return false, reply
    end
    local pos, header = self:DecodeHeader(reply, 1)
    if not pos then
      return false, "broken RPC reply"
    elseif header.xid == self.xid and header.type == 1 then
      if header.state ~= M.Portmap.State.MSG_ACCEPTED then
        return false, M.Portmap.RejectMsg[header.denied_state] or "the call was denied"
      elseif header.accept_state ~= M.Portmap.AcceptState.SUCCESS then
        return false, M.Portmap.AcceptMsg[header.accept_state] or "the call failed"
      end
      return true, string.sub(reply, pos)
    end
  end
  return false, "no reply to the call"
end

-- Port mapper -------------------------------------------------------------------------------------

M.Portmap = {
  PROTOCOLS = { tcp = 6, udp = 17 },
  State = { MSG_ACCEPTED = 0, MSG_DENIED = 1 },
  MessageType = { CALL = 0, REPLY = 1 },
  AuthType = { NULL = 0, UNIX = 1 },
  AcceptState = {
    SUCCESS = 0, PROG_UNAVAIL = 1, PROG_MISMATCH = 2, PROC_UNAVAIL = 3, GARBAGE_ARGS = 4,
    SYSTEM_ERR = 5,
  },
  AcceptMsg = {
    [0] = "success", "the program is not there", "the program has not this version",
    "no such procedure",
    "the arguments are not understood", "an error of the system",
  },
  RejectState = { RPC_MISMATCH = 0, AUTH_ERROR = 1 },
  RejectMsg = { [0] = "the RPC version is not known", "the credentials are refused" },
  Procedure = { [2] = { GETPORT = 3, DUMP = 4, CALLIT = 5 }, [3] = { GETPORT = 3, DUMP = 4,
  CALLIT = 5 },
    [4] = { GETPORT = 3, DUMP = 4 } },
}
M.Portmap.__index = M.Portmap

function M.Portmap:new(o)
  return setmetatable(o or {}, self)
end

local function add_mapping(programs, program, protocol, version, entry)
  programs[program] = programs[program] or {}
  local known = programs[program][protocol] or entry
  programs[program][protocol] = known
  known.version = known.version or {}
  for _, v in ipairs(known.version) do
    if v == version then
      return
    end
  end
  known.version[#known.version + 1] = version
  table.sort(known.version)
end

local protocol_names = { [6] = "tcp", [17] = "udp" }

local function parse_pmap(data)
  local programs, pos = {}, 1
  for _ = 1, items_max do
    local more, program, version, protocol, port
    more, pos = string.unpack(">I4", data, pos)
    if more == 0 then
      break
    end
    program, version, protocol, port, pos = string.unpack(">I4I4I4I4", data, pos)
    add_mapping(programs, program, protocol_names[protocol] or tostring(protocol), version,
      { port = port })
  end
  return programs
end

-- "10.0.0.1.8.1": address, and the port as two numbers (RFC 5665).
local function parse_universal(address)
  local ip, high, low = string.match(address, "^(.*)%.(%d+)%.(%d+)$")
  if not ip then
    return address
  end
  return ip, tonumber(high) * 256 + tonumber(low)
end

local function parse_rpcb(data)
  local programs, pos = {}, 1
  for _ = 1, items_max do
    local more, program, version, netid, address, owner
    more, pos = string.unpack(">I4", data, pos)
    if more == 0 then
      break
    end
    program, version, pos = string.unpack(">I4I4", data, pos)
    pos, netid = Util.must_opaque(data, pos)
    pos, address = Util.must_opaque(data, pos)
    pos, owner = Util.must_opaque(data, pos)
    if not string.find(netid, "^%w+$") then
      error("no name of a transport", 0)
    end
    local ip, port = parse_universal(address)
    add_mapping(programs, program, netid, version, { addr = ip, port = port, owner = owner })
  end
  return programs
end

--- All programs: `true, { [number] = { tcp = { port, version = { numbers } }, udp = ... } }` or
-- `false, reason`.
function M.Portmap.Dump(_, comm)
  local status, data = comm:Call(M.Portmap.Procedure[2].DUMP)
  if not status then
    return false, data
  end
  local ok, programs = pcall(comm.version == 2 and parse_pmap or parse_rpcb, data)
  if not ok then
    return false, "broken list of programs"
  end
  return true, programs
end

--- The port of a program (number or name): `true, port` or `false, reason`.
function M.Portmap.GetPort(_, comm, program, protocol, version)
  local number = tonumber(program) or Util.ProgNameToNumber(program)
  local data
  if comm.version == 2 then
    data = string.pack(">I4I4I4I4", number, version, M.Portmap.PROTOCOLS[protocol] or 6, 0)
  else
    data = string.pack(">I4I4", number, version) .. Util.marshall_vopaque(protocol)
      .. Util.marshall_vopaque("")
      .. Util.marshall_vopaque("")
  end
  local status, reply = comm:Call(M.Portmap.Procedure[2].GETPORT, data)
  if not status then
    return false, reply
  end
  local port
  if comm.version == 2 then
    port = select(2, Util.unmarshall_uint32(reply, 1))
  else
    local _, address = Util.read_opaque(reply, 1)
    port = select(2, parse_universal(address or ""))
  end
  if not port or port == 0 then
    return false, "the program is not registered"
  end
  return true, port
end

-- Helper ------------------------------------------------------------------------------------------

M.Helper = {}

--- All programs of a host by its port mapper: newest version of the protocol first.
function M.Helper.RpcInfo(host, port)
  local reason = "no answer"
  for version = M.RPC_version.rpcbind.max, M.RPC_version.rpcbind.min, -1 do
    local comm = M.Comm:new("rpcbind", version)
    local status, result = comm:Connect(host, port)
    if not status then
      return false, result
    end
    status, result = M.Portmap:new():Dump(comm)
    comm:Disconnect()
    if status then
      return true, result
    end
    reason = result
  end
  return false, reason
end

--- Port and highest version that both sides know of a program: `true, { port = { number, protocol
-- }, version }`.
function M.Helper.GetProgramInfo(host, port, program, max_version)
  local status, programs = M.Helper.RpcInfo(host, port)
  if not status then
    return false, programs
  end
  local range = M.RPC_version[program] or { min = 0, max = max_version or 99 }
  local highest = math.min(max_version or range.max, range.max)
  local found = programs[Util.ProgNameToNumber(program) or program] or {}
  for _, protocol in ipairs({ "tcp", "udp" }) do
    local entry = found[protocol]
    local best
    for _, version in ipairs(entry and entry.version or {}) do
      if version >= range.min and version <= highest then
        best = version
      end
    end
    if best and entry.port then
      return true, { port = { number = entry.port, protocol = protocol }, version = best }
    end
  end
  return false, "the program is not there"
end

--- The port of a program: `true, number` or `false, reason`.
function M.Helper.GetPortForProgram(host, port, program, protocol)
  local status, programs = M.Helper.RpcInfo(host, port)
  if not status then
    return false, programs
  end
  local found = programs[Util.ProgNameToNumber(program) or program]
  if not found or not found[protocol] then
    return false, "the program is not there"
  end
  return true, found[protocol].port
end

-- nil, reason: of the port mapper, or that the program cannot be reached. That is no loss: often a
-- packet filter lets the port mapper through, and not the ports that it names.
local function connect_program(host, port, program)
  local status, info = M.Helper.GetProgramInfo(host, port, program)
  if not status then
    return nil, info
  end
  local comm = M.Comm:new(program, info.version)
  local reason
  status, reason = comm:Connect(host, info.port)
  if not status then
    return nil, "the program cannot be reached (" .. tostring(reason) .. ")"
  end
  return comm
end

--- The end of a script that got no answer, for `reason`: a program that the port mapper has named,
-- and that took the connection, is there (asker.broken_off), the port mapper where it was recognised.
function M.Helper.Unanswered(port, reason)
  if string.find(tostring(reason), "^the program: ") then
    return asker.broken_off(reason)
  end
  return asker.unanswered(port, { "rpcbind", "mountd", "nfs", "sunrpc" }, reason)
end

--- The exports of a host: `true, { { name = path, group, ... } }` or `false, reason`.
function M.Helper.ShowMounts(host, port)
  local comm, reason = connect_program(host, port, "mountd")
  if not comm then
    return false, reason
  end
  local status, exports = M.Mount:new():Export(comm)
  comm:Disconnect()
  return status, status and exports or "the program: " .. tostring(exports)
end

--- Mounts an export: the connection to the mount daemon and the export's file handle; nil, reason.
function M.Helper.MountPath(host, port, path)
  local comm, reason = connect_program(host, port, "mountd")
  if not comm then
    return nil, reason
  end
  local status, handle = M.Mount:new():Mount(comm, path)
  if not status then
    comm:Disconnect()
    return nil, handle
  end
  return comm, handle
end

--- Takes back what MountPath did: true, or false and the reason.
function M.Helper.UnmountPath(mount_comm, path)
  local status, reason = M.Mount:new():Unmount(mount_comm, path)
  mount_comm:Disconnect()
  return status, reason
end

--- A connection to the NFS server: it, or nil, reason. NfsClose ends it.
function M.Helper.NfsOpen(host, port)
  return connect_program(host, port, "nfs")
end
function M.Helper.NfsClose(nfs_comm)
  return nfs_comm:Disconnect()
end

-- Runs `ask(nfs, comm, handle)` on an export that is mounted for that.
local function on_export(host, port, path, ask)
  local mount_comm, handle = M.Helper.MountPath(host, port, path)
  if not mount_comm then
    return false, handle
  end
  local comm, result = M.Helper.NfsOpen(host, port)
  local status = false
  if comm then
    status, result = ask(M.NFS:new(), comm, handle)
    comm:Disconnect()
  end
  M.Helper.UnmountPath(mount_comm, path)
  return status, result
end

--- The entries of an export; attributes of its root; size of its file system.
function M.Helper.Dir(host, port, path)
  return on_export(host, port, path, M.NFS.ReadDirPlus)
end
function M.Helper.GetAttributes(host, port, path)
  return on_export(host, port, path, M.NFS.GetAttr)
end
function M.Helper.ExportStats(host, port, path)
  return on_export(host, port, path, M.NFS.FsStat)
end

--- Its limits: `true, { maxfilesize, linkmax }`, each nil where the server does not tell, or `false,
-- reason`.
function M.Helper.ExportLimits(host, port, path)
  return on_export(host, port, path, function(nfs, comm, file_handle)
    local _, info = M.NFS.FsInfo(nfs, comm, file_handle)
    local _, conf = M.NFS.PathConf(nfs, comm, file_handle)
    return true, { maxfilesize = type(info) == "table" and info.maxfilesize or nil,
      linkmax = type(conf) == "table" and conf.linkmax or nil }
  end)
end

--- What an unknown user may do in its root: `true, { mask = bits }` or `false, reason`.
function M.Helper.Access(host, port, path)
  return on_export(host, port, path, M.NFS.Access)
end

return M
