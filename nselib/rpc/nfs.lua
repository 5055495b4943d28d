--- Mount and NFS version 3 as far as they tell about exports (RFC 1813, RFC 1094): what rpc.lua
-- gives as `Mount` and `NFS`. A call goes over a `comm`, which is an rpc.Comm that is connected.

local pcall, setmetatable, string, tostring, type = pcall, setmetatable, string, tostring, type
local Util = require "rpc.xdr"

local M = {}

local items_max = 10000

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
    pos, entry.name = Util.must_opaque(data, pos)
    more, pos = string.unpack(">I4", data, pos)
    while more ~= 0 and #entry < items_max do
      pos, group = Util.must_opaque(data, pos)
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
    pos, handle = Util.read_opaque(data, pos)
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
  FSSTAT = 18, FSINFO = 19, PATHCONF = 20 } } }
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
      pos, entry.name = Util.must_opaque(data, pos)
      entry.cookie, pos = (">I8"):unpack(data, pos)
      entry.attributes, pos = read_optional_attributes(data, pos)
      follows, pos = string.unpack(">I4", data, pos)
      if follows ~= 0 then
        pos, entry.fhandle = Util.must_opaque(data, pos)
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

--- What the server bears: `true, { maxfilesize }` (FSINFO, RFC 1813, section 3.3.19).
function M.NFS.FsInfo(_, comm, file_handle)
  return nfs_call(comm, 19, Util.marshall_vopaque(file_handle), function(data, pos)
    local result = {}
    result.attributes, pos = read_optional_attributes(data, pos)
    -- behind seven sizes of reads and writes
    result.maxfilesize = string.unpack(">I8", data, pos + 28)
    return result
  end)
end

--- `true, { linkmax, namemax }` (PATHCONF, RFC 1813, section 3.3.20).
function M.NFS.PathConf(_, comm, file_handle)
  return nfs_call(comm, 20, Util.marshall_vopaque(file_handle), function(data, pos)
    local result = {}
    result.attributes, pos = read_optional_attributes(data, pos)
    result.linkmax, result.namemax = string.unpack(">I4I4", data, pos)
    return result
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

return M
