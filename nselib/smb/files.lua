--- Files and named pipes of SMB 1 (MS-CIFS 2.2.4): open, read, close, and transactions, by which old
-- hosts take remote calls (MS-RAP, MS-RPCE). smb has the functions under the same names.

local message, require, string = require "smb.message", require, string
local unicode = require "unicode"

local M = {}

local exchange, codes, unpack = message.exchange, message.status_codes, message.unpack
local answer_max, pieces_max, transact_pipe = 65535, 32, 0x0026

local function failed(status, reason)
  return false, status and message.get_status_name(status) or reason
end

--- Opens a file of the connected share, or a pipe ("srvsvc") on IPC$: true and a table, which is also
-- the state's `fid`, or false and the reason. `overrides`: file_create_flags,
-- file_create_access_mask, file_create_attributes, file_create_share_attributes,
-- file_create_disposition, file_create_options, file_create_impersonation,
-- file_create_security_flags.
function M.create_file(smb, path, overrides)
  overrides = overrides or {}
  local name = unicode.utf8to16(path)
  local parameters = string.pack("<BBI2BI2I4I4I4I8I4I4I4I4I4B", 0xff, 0, 0, 0, #name,
    overrides.file_create_flags or 0, 0, overrides.file_create_access_mask or 0x02000000, 0,
    overrides.file_create_attributes or 0, overrides.file_create_share_attributes or 7,
    overrides.file_create_disposition or 1, overrides.file_create_options or 0,
    overrides.file_create_impersonation or 2, overrides.file_create_security_flags or 0)
  -- a byte before the name, so that it begins on an even place
  local status, reply, words = exchange(smb, "SMB_COM_NT_CREATE_ANDX", parameters,
    "\0" .. name .. "\0\0", overrides)
  if status ~= 0 then
    return failed(status, reply)
  end
  local fid = unpack("<I2", words, 6)
  if not fid then
    return false, "broken SMB message"
  end
  smb.fid = fid
  return true, { fid = fid }
end

--- Reads `count` bytes at `offset` of the open file: true and { data, status }, or false and the
-- reason.
function M.read_file(smb, offset, count, overrides)
  overrides = overrides or {}
  local status, reply, words, data = exchange(smb, "SMB_COM_READ_ANDX",
    string.pack("<BBI2I2I4I2I2I4I2I4", 0xff, 0, 0, overrides.fid or smb.fid or 0, offset & 0xffffffff,
      count & 0xffff, 0, 0, 0, offset >> 32), "", overrides)
  if status ~= 0 and status ~= codes.NT_STATUS_BUFFER_OVERFLOW then
    return failed(status, reply)
  end
  local length, place = unpack("<I2I2", words, 11)
  if not length then
    return false, "broken SMB message"
  end
  local at = place - 34 - #words
  return true, { status = status, data = at >= 1 and string.sub(data, at, at + length - 1) or "" }
end

--- Closes the open file.
function M.close_file(smb, overrides)
  local status, reply = exchange(smb, "SMB_COM_CLOSE",
    string.pack("<I2I4", overrides and overrides.fid or smb.fid or 0, 0xffffffff), "", overrides)
  if status ~= 0 then
    return failed(status, reply)
  end
  return true
end

-- Transactions ------------------------------------------------------------------------------------

-- Where the two parts of an answer stand: its words are behind the header and a byte, its data
-- behind two more.
local function take(words, data, into)
  local total_parameters, total_data, _, n, place, _, m, data_place =
    unpack("<I2I2I2I2I2I2I2I2", words)
  if not total_parameters then
    return nil
  end
  local before = 34 + #words
  local function part(offset, length)
    local at = offset - before
    return at >= 1 and length > 0 and string.sub(data, at, at + length - 1) or ""
  end
  into.parameters = into.parameters .. part(place, n)
  into.data = into.data .. part(data_place, m)
  return #into.parameters >= total_parameters and #into.data >= total_data or n + m == 0
end

-- What comes in answer, in as many messages as it takes; the first is read already.
local function gather(smb, status, reply, words, bytes)
  local result = { parameters = "", data = "" }
  for _ = 1, pieces_max do
    if status ~= 0 and status ~= codes.NT_STATUS_BUFFER_OVERFLOW then
      return failed(status, reply)
    end
    result.status = status
    local whole = take(words, bytes, result)
    if whole == nil then
      return false, "broken SMB message"
    elseif whole then
      return true, result
    end
    local ok
    ok, reply, words, bytes = message.smb_read(smb)
    status = ok and string.unpack("<I4", reply, 6) or nil
  end
  return false, "the answer does not end"
end

-- The request (MS-CIFS 2.2.4.33.1, 2.2.4.46.1): name, parameters and data, each on a multiple of four.
local function request(name, setup, parameters, data)
  local wide = "\0" .. unicode.utf8to16(name .. "\0")
  local first = 32 + 1 + 28 + #setup + 2
  local function pad(text)
    return text .. string.rep("\0", -(first + #text) % 4)
  end
  local bytes = pad(wide)
  local parameters_at = first + #bytes
  bytes = pad(bytes .. parameters)
  local data_at = first + #bytes
  return string.pack("<I2I2I2I2BBI2I4I2I2I2I2I2BB", #parameters, #data, 1024, answer_max, 0, 0, 0,
    5000, 0, #parameters, parameters_at, #data, data_at, #setup // 2, 0) .. setup, bytes .. data
end

--- A transaction: true and { parameters, data, status }, or false and the reason. `setup`: its words
-- as bytes.
function M.transaction(smb, name, setup, parameters, data)
  return gather(smb, exchange(smb, "SMB_COM_TRANSACTION", request(name, setup, parameters, data)))
end

--- The same for what a file system is asked (SMB_COM_TRANSACTION2): a subcommand and its parameters.
function M.transaction2(smb, subcommand, parameters)
  return gather(smb, exchange(smb, "SMB_COM_TRANSACTION2", request("", string.pack("<I2", subcommand),
    parameters, "")))
end

--- Reads what the open pipe has to say: bytes; nil, reason.
function M.read_pipe(smb)
  local text = ""
  for _ = 1, pieces_max do
    local ok, result = M.read_file(smb, 0, 0x8000)
    if not ok then
      return text ~= "" and text or nil, result
    end
    text = text .. result.data
    if result.status == 0 or result.data == "" then
      break
    end
  end
  return text
end

--- Writes to the open pipe and reads what comes back: bytes; nil, reason.
function M.transceive(smb, bytes)
  local ok, result = M.transaction(smb, "\\PIPE\\", string.pack("<I2I2", transact_pipe, smb.fid),
    "", bytes)
  if not ok then
    return nil, result
  elseif result.status == 0 then
    return result.data
  end
  return result.data .. (M.read_pipe(smb) or "")
end

return M
