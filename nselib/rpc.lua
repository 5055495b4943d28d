--- ONC RPC (RFC 5531), the port mapper and rpcbind (RFC 1833), mount and NFS as far as they tell
-- about exports (RFC 1094, RFC 1813).
--
--     local status, programs = rpc.Helper.RpcInfo(host, port)
--     local status, mounts = rpc.Helper.ShowMounts(host, port)

local datafiles, ipairs, math, nmap = require "datafiles", ipairs, math, require "nmap"
local pairs, pcall, rand, setmetatable = pairs, pcall, require "rand", setmetatable
local select, string, table = select, string, table
local tonumber, tostring, type = tonumber, tostring, type

local M = {}

local record_max, items_max = 4 * 1024 * 1024, 10000

--- Versions that we speak, lowest and highest.
M.RPC_version = { rpcbind = { min = 2, max = 4 }, nfs = { min = 1, max = 3 }, mountd = {
  min = 1, max = 3 } }
M.RPC_args = {
  rpcbind = { proto = "rpc.protocol" }, nfs = { ver = "nfs.version" },
  mountd = { ver = "mount.version" },
}

-- Values ------------------------------------------------------------------------------------------

M.Util = {}
local Util = M.Util

--- How many bytes fill `length` up to a multiple of four.
function Util.CalcFillBytes(length)
  return -length % 4
end

--- Bytes of integers, of opaque data with and without their length in front (RFC 4506).
function Util.marshall_int32(n)
  return string.pack(">i4", n)
end
function Util.marshall_uint32(n)
  return string.pack(">I4", n)
end
function Util.marshall_int64(n)
  return string.pack(">i8", n)
end
function Util.marshall_uint64(n)
  return string.pack(">I8", n)
end
function Util.marshall_opaque(data)
  return data .. string.rep("\0", Util.CalcFillBytes(#data))
end
function Util.marshall_vopaque(data)
  return string.pack(">I4", #data) .. Util.marshall_opaque(data)
end

-- A reader that gives position and value, or nil when the data end.
local function unmarshaller(format, size)
  return function(data, pos, count)
    if count and count > 1 then
      local values = {}
      for i = 1, count do
        if pos + size - 1 > #data then
          return nil
        end
        values[i] = string.unpack(format, data, pos)
        pos = pos + size
      end
      return pos, values
    elseif pos + size - 1 > #data then
      return nil
    end
    return pos + size, (string.unpack(format, data, pos))
  end
end
--- Readers: (data, position) -> position after it, value; nil when the data end.
Util.unmarshall_int32 = unmarshaller(">i4", 4)
Util.unmarshall_uint32 = unmarshaller(">I4", 4)
Util.unmarshall_int64 = unmarshaller(">i8", 8)
Util.unmarshall_uint64 = unmarshaller(">I8", 8)

--- `len` bytes and what fills them up.
function Util.unmarshall_opaque(len, data, pos)
  local last = pos + len + Util.CalcFillBytes(len) - 1
  if len < 0 or pos + len - 1 > #data then
    return nil
  end
  return math.min(last, #data) + 1, string.sub(data, pos, pos + len - 1)
end
function Util.unmarshall_vopaque(len, data, pos)
  return Util.unmarshall_opaque(len, data, pos)
end

-- A length and that many bytes.
local function read_opaque(data, pos)
  local length
  pos, length = Util.unmarshall_uint32(data, pos)
  if not pos then
    return nil
  end
  return Util.unmarshall_opaque(length, data, pos)
end

-- The same, thrown when the data end: for readers of lists, which are called protected.
local function must_opaque(data, pos)
  local after, bytes = read_opaque(data, pos)
  if not after then
    error("the data end", 0)
  end
  return after, bytes
end

local numbers, names

local function load_programs()
  local status, list = datafiles.parse_rpc()
  names = status and list or {}
  names[100000], names[100003], names[100005] = "rpcbind", "nfs", "mountd"
  numbers = {}
  for number, name in pairs(names) do
    numbers[name] = number
  end
end

--- Number of a program by name, name by number; nil when it is not known.
function Util.ProgNameToNumber(prog_name)
  if not numbers then
    load_programs()
  end
  return numbers[prog_name]
end
function Util.ProgNumberToName(num)
  if not names then
    load_programs()
  end
  return names[num]
end

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
  self.host, self.port = host, port
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

--- The bytes of a call.
function M.Comm:EncodePacket(xid, proc, auth, data)
  self.xid = xid or rand.random_integer(1, 0x7fffffff)
  local credentials = "\0\0\0\0\0\0\0\0"
  if auth and auth.type == M.Portmap.AuthType.UNIX then
    local body = string.pack(">I4", 0) .. Util.marshall_vopaque(auth.machine or "")
      .. string.pack(">I4I4I4", auth.uid or 0, auth.gid or 0, 0)
    credentials = string.pack(">I4", 1) .. Util.marshall_vopaque(body)
  end
  local packet = string.pack(">I4I4I4I4I4I4", self.xid, 0, 2, self.program_id, self.version, proc)
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

-- Collects fragments up to the last (RFC 5531, section 11).
local function receive_record(socket)
  local parts, size, buffer = {}, 0, ""
  local function need(n)
    while #buffer < n do
      local status, data = socket:receive_bytes(n - #buffer)
      if not status then
        return nil, data
      end
      buffer = buffer .. data
    end
    local taken = string.sub(buffer, 1, n)
    buffer = string.sub(buffer, n + 1)
    return taken
  end
  while true do
    local mark, reason = need(4)
    if not mark then
      return nil, reason
    end
    local word = string.unpack(">I4", mark)
    size = size + (word & 0x7fffffff)
    if size > record_max then
      return nil, "the record is too long"
    end
    parts[#parts + 1], reason = need(word & 0x7fffffff)
    if reason then
      return nil, reason
    elseif word & 0x80000000 ~= 0 then
      return table.concat(parts)
    end
  end
end

--- Receives one packet: `true, bytes` or `false, reason`.
function M.Comm:ReceivePacket()
  if self.proto == "tcp" then
    local bytes, reason = receive_record(self.socket)
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
    pos, netid = must_opaque(data, pos)
    pos, address = must_opaque(data, pos)
    pos, owner = must_opaque(data, pos)
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
    local _, address = read_opaque(reply, 1)
    port = select(2, parse_universal(address or ""))
  end
  if not port or port == 0 then
    return false, "the program is not registered"
  end
  return true, port
end

-- Mount -------------------------------------------------------------------------------------------

M.Mount = {
  StatCode = { MNT_OK = 0, MNTERR_PERM = 1, MNTERR_NOENT = 2, MNTERR_IO = 5, MNTERR_ACCES = 13,
  MNTERR_NOTDIR = 20,
    MNTERR_INVAL = 22, MNTERR_NAMETOOLONG = 63, MNTERR_NOTSUPP = 10004,
    MNTERR_SERVERFAULT = 10006 },
  StatMsg = { [1] = "not the owner", [2] = "no such path", [5] = "input or output error",
  [13] = "not allowed",
    [20] = "no directory", [22] = "bad argument", [63] = "the name is too long",
    [10004] = "not supported",
    [10006] = "the server failed" },
  Procedure = { MOUNT = 1, DUMP = 2, UMNT = 3, UMNTALL = 4, EXPORT = 5 },
}
M.Mount.__index = M.Mount

function M.Mount:new(o)
  return setmetatable(o or {}, self)
end

local function parse_exports(data)
  local exports, pos, more = {}, 1, nil
  more, pos = string.unpack(">I4", data, pos)
  while more ~= 0 and #exports < items_max do
    local entry, group = {}, nil
    pos, entry.name = must_opaque(data, pos)
    more, pos = string.unpack(">I4", data, pos)
    while more ~= 0 and #entry < items_max do
      pos, group = must_opaque(data, pos)
      entry[#entry + 1] = group
      more, pos = string.unpack(">I4", data, pos)
    end
    exports[#exports + 1] = entry
    more, pos = string.unpack(">I4", data, pos)
  end
  return exports
end

--- The exports: `true, { { name = path, group, ... } }` or `false, reason`.
function M.Mount.Export(_, comm)
  local status, data = comm:Call(M.Mount.Procedure.EXPORT)
  if not status then
    return false, data
  end
  local ok, exports = pcall(parse_exports, data)
  if not ok then
    return false, "broken list of exports"
  end
  return true, exports
end

local unix = { type = 1, machine = "", uid = 0, gid = 0 }

--- Mounts a path: `true, file handle` or `false, reason`. `Unmount` takes it back.
function M.Mount.Mount(_, comm, path)
  local status, data = comm:Call(M.Mount.Procedure.MOUNT, Util.marshall_vopaque(path), unix)
  if not status then
    return false, data
  end
  local pos, code = Util.unmarshall_uint32(data, 1)
  if code ~= 0 then
    return false, M.Mount.StatMsg[code or -1] or "Mount failed"
  end
  local handle
  if comm.version == 3 then
    pos, handle = read_opaque(data, pos)
  else
    pos, handle = Util.unmarshall_opaque(32, data, pos)
  end
  if not pos then
    return false, "broken reply to mount"
  end
  return true, handle
end
function M.Mount.Unmount(_, comm, path)
  return comm:Call(M.Mount.Procedure.UMNT, Util.marshall_vopaque(path), unix)
end

-- NFS ---------------------------------------------------------------------------------------------

M.NFS = { Procedure = { [3] = { GETATTR = 1, LOOKUP = 3, ACCESS = 4, READDIR = 16, READDIRPLUS = 17,
  FSSTAT = 18 } } }
M.NFS.__index = M.NFS

function M.NFS:new(o)
  return setmetatable(o or {}, self)
end

-- fattr3 (RFC 1813, section 2.6)
local function read_attributes(data, pos)
  local a = { atime = {}, mtime = {}, ctime = {}, rdev = {} }
  a.type, a.mode, a.nlink, a.uid, a.gid, a.size, a.used, a.rdev.specdata1, a.rdev.specdata2, a.fsid,
    a.fileid,
    a.atime.seconds, a.atime.nseconds, a.mtime.seconds, a.mtime.nseconds, a.ctime.seconds,
      a.ctime.nseconds, pos =
    string.unpack(">I4I4I4I4I4I8I8I4I4I8I8I4I4I4I4I4I4", data, pos)
  return a, pos
end

local function read_optional_attributes(data, pos)
  local follows
  follows, pos = string.unpack(">I4", data, pos)
  if follows ~= 0 then
    return read_attributes(data, pos)
  end
  return nil, pos
end

-- A protected call whose result begins with a status.
local function nfs_call(comm, procedure, arguments, read)
  local status, data = comm:Call(procedure, arguments, unix)
  if not status then
    return false, data
  end
  local ok, result = pcall(function()
    local code, pos = string.unpack(">I4", data)
    return code == 0 and read(data, pos) or code
  end)
  if not ok then
    return false, "broken NFS reply"
  elseif type(result) ~= "table" then
    return false, "NFS status " .. tostring(result)
  end
  return true, result
end

--- Attributes of a file: `true, attributes` or `false, reason`.
function M.NFS.GetAttr(_, comm, file_handle)
  return nfs_call(comm, 1, Util.marshall_vopaque(file_handle), function(data, pos)
    return (read_attributes(data, pos))
  end)
end

--- The entries of a directory with their attributes and handles: `true, { entries = { { name,
-- fileid, attributes, fhandle } } }`.
function M.NFS.ReadDirPlus(_, comm, file_handle)
  local arguments = Util.marshall_vopaque(file_handle)
    .. string.pack(">I8I8I4I4", 0, 0, 16384, 65536)
  return nfs_call(comm, 17, arguments, function(data, pos)
    local result = { entries = {}, attributes = {} }
    local more, follows
    result.attributes[1], pos = read_optional_attributes(data, pos)
    pos = pos + 8
    more, pos = string.unpack(">I4", data, pos)
    while more ~= 0 and #result.entries < items_max do
      local entry = {}
      entry.fileid, pos = (">I8"):unpack(data, pos)
      pos, entry.name = must_opaque(data, pos)
      entry.cookie, pos = (">I8"):unpack(data, pos)
      entry.attributes, pos = read_optional_attributes(data, pos)
      follows, pos = string.unpack(">I4", data, pos)
      if follows ~= 0 then
        pos, entry.fhandle = must_opaque(data, pos)
      end
      result.entries[#result.entries + 1] = entry
      more, pos = string.unpack(">I4", data, pos)
    end
    return result
  end)
end

--- Size and use of the file system: `true, { tbytes, fbytes, abytes, tfiles, ffiles, afiles }`.
function M.NFS.FsStat(_, comm, file_handle)
  return nfs_call(comm, 18, Util.marshall_vopaque(file_handle), function(data, pos)
    local s = {}
    s.attributes, pos = read_optional_attributes(data, pos)
    s.tbytes, s.fbytes, s.abytes, s.tslots, s.fslots, s.aslots,
      s.invarsec = string.unpack(">I8I8I8I8I8I8I4", data, pos)
    return s
  end)
end

--- What we may do: `true, { mask = bits }` of those asked for.
function M.NFS.Access(_, comm, file_handle, access)
  local arguments = Util.marshall_vopaque(file_handle) .. string.pack(">I4", access or 0x3f)
  return nfs_call(comm, 4, arguments, function(data, pos)
    local result = {}
    result.attributes, pos = read_optional_attributes(data, pos)
    result.mask = string.unpack(">I4", data, pos)
    return result
  end)
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

local function connect_program(host, port, program)
  local status, info = M.Helper.GetProgramInfo(host, port, program)
  if not status then
    return nil, info
  end
  local comm = M.Comm:new(program, info.version)
  local reason
  status, reason = comm:Connect(host, info.port)
  if not status then
    return nil, reason
  end
  return comm
end

--- The exports of a host: `true, { { name = path, group, ... } }` or `false, reason`.
function M.Helper.ShowMounts(host, port)
  local comm, reason = connect_program(host, port, "mountd")
  if not comm then
    return false, reason
  end
  local status, exports = M.Mount:new():Export(comm)
  comm:Disconnect()
  return status, exports
end

-- Runs `ask(nfs, comm, handle)` on an export that is mounted for that.
local function on_export(host, port, path, ask)
  local mount_comm, reason = connect_program(host, port, "mountd")
  if not mount_comm then
    return false, reason
  end
  local status, result = M.Mount:new():Mount(mount_comm, path)
  if status then
    local handle = result
    local comm
    comm, reason = connect_program(host, port, "nfs")
    status, result = false, reason
    if comm then
      status, result = ask(M.NFS:new(), comm, handle)
      comm:Disconnect()
    end
    M.Mount:new():Unmount(mount_comm, path)
  end
  mount_comm:Disconnect()
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

--- What an unknown user may do in its root: `true, { mask = bits }` or `false, reason`.
function M.Helper.Access(host, port, path)
  return on_export(host, port, path, M.NFS.Access)
end

return M
