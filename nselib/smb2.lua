--- SMB 2 and 3 (MS-SMB2): the negotiation, which tells dialects, abilities, signing, times.

local datetime, ipairs, math = require "datetime", ipairs, math
local pcall, rand, smb, string = pcall, require "rand", require "smb", string
local table = table

local M = {}

M.command_codes = {
  SMB2_COM_NEGOTIATE = 0x0000, SMB2_COM_SESSION_SETUP = 0x0001, SMB2_COM_LOGOFF = 0x0002,
  SMB2_COM_TREE_CONNECT = 0x0003, SMB2_COM_TREE_DISCONNECT = 0x0004, SMB2_COM_CREATE = 0x0005,
  SMB2_COM_CLOSE = 0x0006, SMB2_COM_READ = 0x0008, SMB2_COM_WRITE = 0x0009, SMB2_COM_IOCTL = 0x000b,
  SMB2_COM_QUERY_DIRECTORY = 0x000e,
}

local dialects = { 0x0202, 0x0210, 0x0300, 0x0302, 0x0311 }

--- The dialects that there are.
function M.dialects()
  return { table.unpack(dialects) }
end

--- The name of a dialect: 0x0311 is "311".
function M.dialect_name(dialect)
  return string.format("%x", dialect)
end

--- The 64 bytes of a header.
function M.smb2_encode_header_sync(state, command, overrides)
  overrides = overrides or {}
  return string.pack("<c4I2I2I4I2I2I4I4I8I4I4I8c16", "\xfeSMB", 64, overrides.CreditCharge or 0,
    overrides.Status or 0, command, overrides.CreditR or 1, overrides.Flags or 0,
      overrides.NextCommand or 0,
    overrides.MessageId or 0, 0xfeff, state.tid or 0, overrides.SessionId or 0,
      string.rep("\0", 16))
end

--- Sends a message: true, or false and the reason.
function M.smb2_send(state, header, data)
  return state.socket:send(string.pack(">I4", #header + #data & 0xffffff) .. header .. data)
end

--- Reads a message: `true, header, data` or `false, reason`.
function M.smb2_read(state)
  local body, reason = smb.read_message(state.socket)
  if not body then
    return false, reason
  elseif #body < 64 or string.sub(body, 1, 4) ~= "\xfeSMB" then
    return false, "the server does not speak SMB 2"
  end
  return true, string.sub(body, 1, 64), string.sub(body, 65)
end

-- The contexts that SMB 3.1.1 wants: integrity of what was agreed (SHA-512), ciphers.
local function contexts()
  local integrity = string.pack("<I2I2I2", 1, 32, 1) .. rand.random_string(32)
  local first = string.pack("<I2I2I4", 1, #integrity, 0) .. integrity
  local ciphers = string.pack("<I2I2I2I2I2", 4, 2, 1, 4, 3)
  return first .. string.rep("\0", -#first % 8) .. string.pack("<I2I2I4", 2, #ciphers, 0) .. ciphers
end

local function negotiate_request(wanted)
  local list, newest = {}, 0
  for i, dialect in ipairs(wanted) do
    list[i] = string.pack("<I2", dialect)
    newest = math.max(newest, dialect)
  end
  local names = table.concat(list)
  local body = string.pack("<I2I2I2I2I4", 36, #wanted, 1, 0, newest >= 0x0300 and 0x7f or 0)
    .. rand.random_string(16)
  if newest < 0x0311 then
    return body .. string.rep("\0", 8) .. names
  end
  -- offset from the header, on a multiple of eight
  local offset = 64 + 36 + #names
  local padding = -offset % 8
  return body .. string.pack("<I4I2I2", offset + padding, 2, 0) .. names
    .. string.rep("\0", padding) .. contexts()
end

-- FILETIME -> seconds since 1970, text; a time that is not set is "N/A".
local function read_time(filetime)
  if filetime == 0 then
    return 0, "N/A"
  end
  local seconds = filetime // 10000000 - 11644473600
  return seconds, datetime.format_timestamp(seconds) or "N/A"
end

local function parse_negotiation(state, data)
  local size, count, system_time, start_time
  size, state.security_mode, state.dialect, count, state.server_guid, state.capabilities,
    state.max_trans,
    state.max_read, state.max_write, system_time,
      start_time = string.unpack("<I2I2I2I2c16I4I4I4I4I8I8", data)
  if size ~= 65 then
    return nil
  end
  state.time, state.date = read_time(system_time)
  state.start_time, state.start_date = read_time(start_time)
  local offset, length = string.unpack("<I2I2", data, 57)
  state.security_blob = offset > 64 and string.sub(data, offset - 63, offset - 64 + length) or nil
  state.negotiate_context_count = count
  return state.dialect
end

--- Agrees on one of `overrides.Dialects` (all when nil): true and the dialect, or false and the
-- reason. The state then holds security_mode, capabilities, server_guid, max_trans, max_read,
-- max_write, time, date, start_time, start_date.
function M.negotiate_v2(state, overrides)
  overrides = overrides or {}
  local header = M.smb2_encode_header_sync(state, M.command_codes.SMB2_COM_NEGOTIATE, overrides)
  local status, reply, data = M.smb2_send(state, header,
    negotiate_request(overrides.Dialects or dialects))
  if not status then
    return false, reply
  end
  status, reply, data = M.smb2_read(state)
  if not status then
    return false, reply
  end
  local code = string.unpack("<I4", reply, 9)
  if code ~= 0 then
    return false, smb.get_status_name(code)
  end
  local ok, dialect = pcall(parse_negotiation, state, data)
  if not ok or not dialect then
    return false, "broken answer to the negotiation"
  end
  smb.has_answered(state)
  return true, dialect
end

return M
