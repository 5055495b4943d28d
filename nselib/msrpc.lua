--- Remote procedure calls of Windows (MS-RPCE, MS-SRVS, MS-WKST) over named pipes of SMB 2, as far
-- as hosts let anyone call: shares and the server's own description.
--
--     local status, state = msrpc.start_smb(host, msrpc.SRVSVC_PATH)
--     local status, result = msrpc.bind(state, msrpc.SRVSVC_UUID, msrpc.SRVSVC_VERSION, nil)
--     local status, shares = msrpc.srvsvc_netshareenumall(state, host.ip)
--     msrpc.stop_smb(state)

local error, ipairs, math, pairs, pcall = error, ipairs, math, pairs, pcall
local require, string, stringaux, table = require, string, require "stringaux", table
local setmetatable, type, unicode, v2 = setmetatable, type, require "unicode", require "smb.v2"

local M = {}

for name, value in pairs(require "smb.interfaces") do
  M[name] = value
end
M.TRANSFER_SYNTAX = "\x04\x5d\x88\x8a\xeb\x1c\xc9\x11\x9f\xe8\x08\x00\x2b\x10\x48\x60"

local kinds = { request = 0, response = 2, fault = 3, bind = 11, bind_ack = 12 }
local items_max = 4096

-- PDUs (C706, chapter 12): version 5.0, little endian, one fragment.
local function pdu(kind, call_id, body)
  return string.pack("<BBBBI4I2I2I4", 5, 0, kind, 3, 0x10, #body + 16, 0, call_id) .. body
end

-- The bodies of all fragments of an answer, put together; nil, reason.
local function answer_of(bytes, wanted, head_length)
  local parts, at = {}, 1
  while at + 15 <= #bytes do
    local _, _, kind, flags, _, length = string.unpack("<BBBBI4I2", bytes, at)
    if length < 16 + head_length or at + length - 1 > #bytes then
      return nil, "a broken answer"
    elseif kind ~= wanted then
      return nil, kind == kinds.fault and "the call was refused" or "no answer to the call"
    end
    parts[#parts + 1] = string.sub(bytes, at + 16 + head_length, at + length - 1)
    at = at + length
    if flags & 2 ~= 0 then
      return table.concat(parts)
    end
  end
  return nil, "the answer broke off"
end

--- Opens the pipe of an interface: `true, state` or `false, reason`. `account`: 1 nobody (when nil),
-- 2 guest.
function M.start_smb(host, path, _, account)
  local session, reason = v2.open(host, type(account) == "number" and account or 1)
  if not session then
    return false, reason
  end
  local state = { session = session, account_used = session.account, call_id = 0 }
  state.tree, reason = v2.tree_connect(session, "IPC$")
  if state.tree then
    state.pipe, reason = v2.open_pipe(session, state.tree, (string.gsub(path, "^\\", "")))
  end
  if not state.pipe then
    v2.close(session)
    return false, reason
  end
  return true, state
end

--- Ends it.
function M.stop_smb(state)
  v2.close(state.session)
  return true
end

local function transact(state, kind, body)
  state.call_id = state.call_id + 1
  return v2.transceive(state.session, state.tree, state.pipe, pdu(kind, state.call_id, body))
end

--- Chooses an interface: `true, {}` or `false, reason`.
function M.bind(state, uuid, version, transfer_syntax)
  local bytes, reason = transact(state, kinds.bind,
    string.pack("<I2I2I4I4I2BBc16I4c16I4", 4280, 4280, 0, 1, 0, 1, 0, uuid, version,
      transfer_syntax or M.TRANSFER_SYNTAX, 2))
  local body
  if bytes then
    body, reason = answer_of(bytes, kinds.bind_ack, 0)
  end
  if not body then
    return false, reason
  end
  local ok, address_length = pcall(string.unpack, "<I2", body, 9)
  -- behind the address, on a multiple of four: results; the first tells whether we were taken
  local at = ok and 11 + address_length
  at = at and at + -(at - 1) % 4 + 4
  local result_ok, result = pcall(string.unpack, "<I2", body, at or 1)
  if not at or not result_ok or result ~= 0 then
    return false, "the interface was refused"
  end
  return true, {}
end

--- Calls procedure `opnum` with marshalled arguments: `true, { arguments = bytes }` or `false,
-- reason`.
function M.call_function(state, opnum, arguments)
  local bytes, reason = transact(state, kinds.request,
    string.pack("<I4I2I2", #arguments, 0, opnum) .. arguments)
  local body
  if bytes then
    body, reason = answer_of(bytes, kinds.response, 8)
  end
  if not body then
    return false, reason
  end
  return true, { arguments = body }
end

-- NDR (C706, chapter 14) -------------------------------------------------------------------------

-- A text of 16-bit characters, ended by a zero; a pointer to it.
local function text_itself(text)
  local wide = unicode.utf8to16(text .. "\0")
  local n = #wide // 2
  return string.pack("<I4I4I4", n, 0, n) .. wide .. string.rep("\0", -#wide % 4)
end
local function text_pointer(text)
  return string.pack("<I4", 0x00020000) .. text_itself(text)
end

local Reader = {}
Reader.__index = Reader

local function reader(data)
  return setmetatable({ data = data, at = 1 }, Reader)
end

function Reader:number()
  local value
  value, self.at = string.unpack("<I4", self.data, self.at)
  return value
end

-- The text behind a pointer that is not null.
function Reader:text()
  self:number()
  self:number()
  local n = self:number()
  if n > (#self.data - self.at + 1) // 2 then
    error("a text beyond the end", 0)
  end
  local wide = string.sub(self.data, self.at, self.at + 2 * n - 1)
  self.at = self.at + 2 * n
  self.at = self.at + -(self.at - 1) % 4
  return stringaux.trim_end(unicode.utf16to8(wide), "%z")
end

-- Reads with f, which may run over the end.
local function read(data, f)
  local ok, result, reason = pcall(f, reader(data))
  if not ok then
    return false, "a broken answer"
  elseif not result then
    return false, reason
  end
  return true, result
end

local function windows_error(code)
  return code == 5 and "access denied" or string.format("error %d", code)
end

-- Shares and servers ------------------------------------------------------------------------------

local share_kinds = { [0] = "STYPE_DISKTREE", "STYPE_PRINTQ", "STYPE_DEVICE", "STYPE_IPC" }

--- The name of a share's type (MS-SRVS 2.2.2.4): "STYPE_DISKTREE_HIDDEN".
function M.share_type_name(kind)
  local name = share_kinds[kind & 0xff] or string.format("STYPE_UNKNOWN_%x", kind & 0xff)
  return name .. (kind & 0x40000000 ~= 0 and "_TEMPORARY" or "")
    .. (kind & 0x80000000 ~= 0 and "_HIDDEN" or "")
end

local function read_shares(r)
  r:number() -- level, once for the structure and once for the union
  r:number()
  if r:number() == 0 then
    return nil, "no shares were told"
  end
  local n, there = r:number(), r:number()
  local shares = {}
  if there ~= 0 then
    r:number()
    for i = 1, math.min(n, items_max) do
      shares[i] = { name = r:number(), type = r:number(), comment = r:number() }
    end
    for _, share in ipairs(shares) do
      share.name = share.name ~= 0 and r:text() or ""
      share.comment = share.comment ~= 0 and r:text() or ""
    end
  end
  r:number()
  if r:number() ~= 0 then
    r:number()
  end
  local code = r:number()
  return code == 0 and shares or nil, windows_error(code)
end

--- NetrShareEnum, level 1: `true, { { name, type (number), comment }, ... }` or `false, reason`.
function M.srvsvc_netshareenumall(state, server)
  local status, result = M.call_function(state, 15, text_pointer("\\\\" .. server)
    .. string.pack("<I4I4I4I4I4I4I4I4", 1, 1, 0x00020004, 0, 0, 0xffffffff, 0x00020008, 0))
  if not status then
    return false, result
  end
  return read(result.arguments, read_shares)
end

-- SHARE_INFO_2 (MS-SRVS 2.2.4.24); the pointers' texts stand behind it in their order.
local function read_share(r)
  r:number() -- level
  if r:number() == 0 then
    return nil, windows_error(r:number())
  end
  local name, kind, comment = r:number(), r:number(), r:number()
  r:number() -- permissions: of shares as they were in LAN Manager
  local share = { type = kind, max_users = r:number(), current_users = r:number() }
  local path = r:number()
  r:number() -- password: likewise
  share.name = name ~= 0 and r:text() or ""
  share.comment = comment ~= 0 and r:text() or ""
  share.path = path ~= 0 and r:text() or nil
  return share
end

--- NetrShareGetInfo, level 2: `true, { name, type, comment, max_users, current_users, path }` or
-- `false, reason`. `max_users` is 0xffffffff where there is no limit. Windows tells it only to who
-- may administer it.
function M.srvsvc_netsharegetinfo(state, server, share)
  local status, result = M.call_function(state, 16, text_pointer("\\\\" .. server)
    .. text_itself(share) .. string.pack("<I4", 2))
  if not status then
    return false, result
  end
  return read(result.arguments, read_share)
end

--- NetrServerGetInfo, level 101: `true, { name, comment, platform_id, version_major, version_minor,
-- type }` or `false, reason`.
function M.srvsvc_netservergetinfo(state, server)
  local status, result = M.call_function(state, 21, text_pointer("\\\\" .. server)
    .. string.pack("<I4", 101))
  if not status then
    return false, result
  end
  return read(result.arguments, function(r)
    r:number()
    if r:number() == 0 then
      return nil, windows_error(r:number())
    end
    local info = { platform_id = r:number() }
    local name = r:number()
    info.version_major, info.version_minor = r:number() & 0x0f, r:number()
    info.type = r:number()
    local comment = r:number()
    info.name = name ~= 0 and r:text() or ""
    info.comment = comment ~= 0 and r:text() or ""
    return info
  end)
end

-- STAT_SERVER_0 (MS-SRVS 2.2.4.39) behind its pointer.
local statistics = { "start", "fopens", "devopens", "jobsqueued", "sopens", "stimedout",
  "serrorout", "pwerrors", "permerrors", "syserrors", "bytessent_low", "bytessent_high",
  "bytesrcvd_low", "bytesrcvd_high", "avresponse", "reqbufneed", "bigbufneed" }

--- NetrServerStatisticsGet: `true, table` of the numbers by the names of MS-SRVS 2.2.4.39, and
-- `bytessent` and `bytesrcvd` put together, or `false, reason`.
function M.srvsvc_netservergetstatistics(state, server)
  local status, result = M.call_function(state, 24, text_pointer("\\\\" .. server)
    .. string.pack("<I4I4I4", 0, 0, 0))
  if not status then
    return false, result
  end
  return read(result.arguments, function(r)
    if r:number() == 0 then
      return nil, windows_error(r:number())
    end
    local stats = {}
    for _, name in ipairs(statistics) do
      stats[name] = r:number()
    end
    stats.bytessent = stats.bytessent_high << 32 | stats.bytessent_low
    stats.bytesrcvd = stats.bytesrcvd_high << 32 | stats.bytesrcvd_low
    return stats
  end)
end

-- Opens a pipe, chooses its interface, calls f(state) -> status, result, and closes.
local function on_pipe(host, name, f)
  local status, state = M.start_smb(host, M[name .. "_PATH"])
  if not status then
    return false, state
  end
  local result
  status, result = M.bind(state, M[name .. "_UUID"], M[name .. "_VERSION"], nil)
  if status then
    status, result = f(state)
  end
  M.stop_smb(state)
  return status, result
end

--- The statistics of a host's server, as srvsvc_netservergetstatistics gives them.
function M.get_server_stats(host)
  return on_pipe(host, "SRVSVC", function(state)
    return M.srvsvc_netservergetstatistics(state, host.ip)
  end)
end

-- Services ----------------------------------------------------------------------------------------

-- A handle of 20 bytes and a status: `true, { handle }` or `false, reason`.
local function read_handle(status, result)
  if not status then
    return false, result
  end
  local ok, handle, code = pcall(string.unpack, "<c20I4", result.arguments)
  if not ok then
    return false, "a broken answer"
  elseif code ~= 0 then
    return false, windows_error(code)
  end
  return true, { handle = handle }
end

--- ROpenSCManagerW (MS-SCMR 3.1.4.15): a handle of the service control manager with the rights
-- `access` (a mask; nil: to connect): `true, { handle }` or `false, reason`.
function M.svcctl_openscmanagerw(state, machine, access)
  return read_handle(M.call_function(state, 15, text_pointer("\\\\" .. machine)
    .. string.pack("<I4I4", 0, access or 1)))
end

--- ROpenServiceW (MS-SCMR 3.1.4.16): a handle of a service: `true, { handle }` or `false, reason`.
function M.svcctl_openservicew(state, manager, service, access)
  return read_handle(M.call_function(state, 16, manager .. text_itself(service)
    .. string.pack("<I4", access or 0)))
end

--- RCloseServiceHandle (MS-SCMR 3.1.4.1): true, or false and the reason.
function M.svcctl_closeservicehandle(state, handle)
  return read_handle(M.call_function(state, 0, handle))
end

return M
