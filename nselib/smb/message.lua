--- Messages of SMB 1 (MS-CIFS 2.2.3): how they are made, sent and read; numbers of commands and
-- states. smb has all of it under the same names.

local match, pairs, pcall, require, string = require "match", pairs, pcall, require, string

local M = {}

--- Commands by name and by number.
M.command_codes = {
  SMB_COM_CREATE_DIRECTORY = 0x00, SMB_COM_CLOSE = 0x04, SMB_COM_DELETE = 0x06,
  SMB_COM_TRANSACTION = 0x25, SMB_COM_ECHO = 0x2b, SMB_COM_READ_ANDX = 0x2e,
  SMB_COM_WRITE_ANDX = 0x2f, SMB_COM_TRANSACTION2 = 0x32,
  SMB_COM_TREE_DISCONNECT = 0x71, SMB_COM_NEGOTIATE = 0x72, SMB_COM_SESSION_SETUP_ANDX = 0x73,
  SMB_COM_LOGOFF_ANDX = 0x74, SMB_COM_TREE_CONNECT_ANDX = 0x75, SMB_COM_NT_TRANSACT = 0xa0,
  SMB_COM_NT_CREATE_ANDX = 0xa2, SMB_NO_FURTHER_COMMANDS = 0xff,
}
M.command_names = {}
for name, code in pairs(M.command_codes) do
  M.command_names[code] = name
end

--- Status codes by name and by number.
M.status_codes = require "smb.status"
M.status_names = {}
for name, code in pairs(M.status_codes) do
  if not string.find(name, "WERR", 1, true) then
    M.status_names[code] = name
  end
end

local function if_whole(ok, ...)
  if ok then
    return ...
  end
end

--- string.unpack that gives nil where the data are too short.
function M.unpack(format, data, at)
  return if_whole(pcall(string.unpack, format, data, at))
end

--- The name of a status code.
function M.get_status_name(status)
  return M.status_names[status] or string.format("NT_STATUS_UNKNOWN (0x%08x)", status)
end

local message_max = 0x1ffff

--- The 32 bytes of a header. `overrides`: flags, flags2, pid, tid, uid, mid, status, signature.
function M.smb_encode_header(smb, command, overrides)
  overrides = overrides or {}
  local flags2 = overrides.flags2 or 0xc001 | 0x0004 | (smb.extended_security and 0x0800 or 0)
  return string.pack("<c4BI4BI2I2c8I2I2I2I2I2", "\xffSMB", command, overrides.status or 0,
    overrides.flags or 0x18,
    flags2, 0, overrides.signature or string.rep("\0", 8), 0, overrides.tid or smb.tid,
      overrides.pid or smb.pid,
    overrides.uid or smb.uid, overrides.mid or smb.mid)
end

--- Sends a message: header, parameters (an even number of bytes), data. True, or false and the
-- reason.
function M.smb_send(smb, header, parameters, data)
  local body = header .. string.pack("B", #parameters // 2) .. parameters
    .. string.pack("<s2", data)
  return smb.socket:send(string.pack(">I4", #body & 0xffffff) .. body)
end

-- The next message: its bytes without the length; keep-alives (0x85) are passed over.
local function read_message(socket)
  for _ = 1, 10 do
    local status, head = socket:receive_buf(match.numbytes(4), true)
    if not status then
      return nil, head
    end
    local kind, length = string.unpack(">BI3", head)
    if kind ~= 0 and kind ~= 0x85 or length > message_max then
      return nil, "no SMB message"
    elseif length > 0 then
      local body
      status, body = socket:receive_buf(match.numbytes(length), true)
      if not status then
        return nil, body
      end
      return body
    end
  end
  return nil, "no SMB message"
end
M.read_message = read_message

--- Reads a message: `true, header, parameters, data` (bytes), or `false, reason`.
function M.smb_read(smb)
  local body, reason = read_message(smb.socket)
  if not body then
    return false, reason
  elseif #body < 35 or string.sub(body, 1, 4) ~= "\xffSMB" then
    return false, "the server does not speak SMB 1"
  end
  local words = string.byte(body, 33)
  local at = 34 + words * 2
  if at + 1 > #body then
    return false, "broken SMB message"
  end
  local length = string.unpack("<I2", body, at)
  return true, string.sub(body, 1, 32), string.sub(body, 34, at - 1),
    string.sub(body, at + 2, at + 1 + length)
end

--- Sends a command and reads its answer: status, header, parameters, data; or nil and the reason.
function M.exchange(smb, command, parameters, data, overrides)
  local header = M.smb_encode_header(smb, M.command_codes[command], overrides)
  local ok, reply = M.smb_send(smb, header, parameters, data)
  if not ok then
    return nil, reply
  end
  local parameters_in, data_in
  ok, reply, parameters_in, data_in = M.smb_read(smb)
  if not ok then
    return nil, reply
  end
  return string.unpack("<I4", reply, 6), reply, parameters_in, data_in
end

return M
