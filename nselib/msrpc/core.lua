--- Remote procedure calls of Windows (MS-RPCE; C706, chapter 12) over named pipes: of SMB 2, or of SMB 1
-- where a host has nothing else. msrpc has all of it under the same names.

local ndr, pairs, pcall, require, smb = require "msrpc.ndr", pairs, pcall, require, require "smb"
local files, string, table, type = require "smb.files", string, table, type
local v2 = require "smb.v2"

local M = {}

for name, value in pairs(require "smb.interfaces") do
  M[name] = value
end
M.TRANSFER_SYNTAX = "\x04\x5d\x88\x8a\xeb\x1c\xc9\x11\x9f\xe8\x08\x00\x2b\x10\x48\x60"

local fragments_max = 64
local kinds = { request = 0, response = 2, fault = 3, bind = 11, bind_ack = 12 }

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

-- Over SMB 1, for hosts that know nothing else. What may be done there is the same.
local function start_v1(host, name)
  local status, state = smb.start_ex(host, true, true, "IPC$", "\\" .. name)
  if not status then
    return false, state
  end
  state.call_id = 0
  return true, state
end

local function open_pipe(state, name)
  local reason
  state.tree, reason = v2.tree_connect(state.session, "IPC$")
  if state.tree then
    state.pipe, reason = v2.open_pipe(state.session, state.tree, name)
  end
  return state.pipe ~= nil, reason
end

--- Opens the pipe of an interface: `true, state` or `false, reason`. `account`: as smb.v2's open takes
-- it; nil: the one that smb.get_account tells, or a later one.
function M.start_smb(host, path, _, account)
  local name = string.gsub(path, "^\\", "")
  local session, reason, whose
  if type(account) == "table" then
    session, reason = v2.open(host, account)
  else
    session, reason, whose = v2.open_any(host)
  end
  if not session and whose then
    return start_v1(host, name)
  elseif not session then
    return false, reason
  end
  local state = { host = host, session = session, account_used = session.account, call_id = 0 }
  local opened
  opened, reason = open_pipe(state, name)
  if not opened then
    v2.close(session)
    return false, reason
  end
  return true, state
end

--- Ends it.
function M.stop_smb(state)
  if state.session then
    v2.close(state.session)
  else
    smb.stop(state)
  end
  return true
end

-- Whether the last fragment is there, or what can be no fragment: each message of a pipe is one.
local function is_whole(bytes)
  local at = 1
  while at + 15 <= #bytes do
    local flags, length = string.unpack("<xxxBI4I2", bytes, at), string.unpack("<I2", bytes, at + 8)
    if length < 16 or flags & 2 ~= 0 and at + length - 1 <= #bytes then
      return true
    end
    at = at + length
  end
  return false
end

local function read_pipe(state)
  if state.session then
    return (v2.read_pipe(state.session, state.tree, state.pipe))
  end
  return files.read_pipe(state)
end

local function transact(state, kind, body)
  state.call_id = state.call_id + 1
  local request = pdu(kind, state.call_id, body)
  local bytes, reason
  if state.session then
    bytes, reason = v2.transceive(state.session, state.tree, state.pipe, request)
  else
    bytes, reason = files.transceive(state, request)
  end
  local fragments = 0
  while bytes and bytes ~= "" and not is_whole(bytes) and fragments < fragments_max do
    fragments = fragments + 1
    local more = read_pipe(state)
    if not more or more == "" then
      break
    end
    bytes = bytes .. more
  end
  return bytes, reason
end

-- The body of the answer behind `head_length` bytes of its own head; nil, reason.
local function ask(state, kind, body, wanted, head_length)
  local bytes, reason = transact(state, kind, body)
  if not bytes then
    return nil, reason
  end
  return answer_of(bytes, wanted, head_length)
end

--- Chooses an interface: `true, {}` or `false, reason`.
function M.bind(state, uuid, version, transfer_syntax)
  local body, reason = ask(state, kinds.bind,
    string.pack("<I2I2I4I4I2BBc16I4c16I4", 4280, 4280, 0, 1, 0, 1, 0, uuid, version,
      transfer_syntax or M.TRANSFER_SYNTAX, 2), kinds.bind_ack, 0)
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
  local body, reason = ask(state, kinds.request,
    string.pack("<I4I2I2", #arguments, 0, opnum) .. arguments, kinds.response, 8)
  if not body then
    return false, reason
  end
  return true, { arguments = body }
end

--- The same, and reads the answer with f(reader): `true, value` or `false, reason`.
function M.read(state, opnum, arguments, f)
  local status, result = M.call_function(state, opnum, arguments)
  if not status then
    return false, result
  end
  return ndr.read(result.arguments, f)
end

--- The same where a status stands behind what f reads: `true, value, status (a number)` or `false, reason`.
function M.call(state, opnum, arguments, f)
  local code
  local ok, value = M.read(state, opnum, arguments, function(r)
    local got = f(r)
    code = r:number()
    return got
  end)
  return ok, value, code
end

--- Opens the pipe of an interface ("SAMR"), chooses that, calls f(state) -> status, result, and closes:
-- `true, result` or `false, reason`.
function M.on_pipe(host, name, f)
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

return M
