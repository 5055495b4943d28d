--- The registry of a host (MS-RRP), read only. msrpc has all of it under the same names.

local core, ndr, require, string = require "msrpc.core", require "msrpc.ndr", require, string

local M = {}

local all_that_is_allowed, value_max = 0x02000000, 4096

local function failure(code, name)
  local known = code == 5 and "WERR_ACCESS_DENIED" or code == 2 and "WERR_BADFILE"
    or string.format("error %d", code)
  return false, string.format("%s (winreg.%s)", known, name)
end

-- Calls and reads: f(reader) gives the result, behind it stands the code.
local function call(state, opnum, name, arguments, f)
  local ok, value, code = core.call(state, opnum, arguments, f)
  if not ok then
    return false, value
  elseif code ~= 0 then
    return failure(code, name)
  end
  return true, value
end

local function read_handle(r)
  return { handle = r:bytes(20) }
end

local function open_root(opnum, name)
  return function(state)
    return call(state, opnum, name, string.pack("<I4I4", 0, all_that_is_allowed), read_handle)
  end
end

--- OpenLocalMachine and OpenUsers: `true, { handle }` or `false, reason`.
M.winreg_openhklm, M.winreg_openhku = open_root(2, "openhklm"), open_root(4, "openhku")

-- RRP_UNICODE_STRING: a counted text, whose zero at the end counts.
local function name_of(text)
  local head, body = ndr.counted(text, "\0")
  return head .. body
end

--- BaseRegOpenKey: `true, { handle }` or `false, reason`.
function M.winreg_openkey(state, handle, key)
  return call(state, 15, "openkey", handle .. name_of(key)
    .. string.pack("<I4I4", 0, all_that_is_allowed), read_handle)
end

--- BaseRegCloseKey.
function M.winreg_closekey(state, handle)
  return call(state, 5, "closekey", handle, read_handle)
end

-- A text without content and room for n characters.
local function room(n)
  return string.pack("<I2I2I4I4I4I4", 0, 2 * n, 0x00020000, n, 0, 0)
end

--- BaseRegEnumKey: the key with this index below: `true, { name, class, changed_time, changed_date }` or
-- `false, reason`.
function M.winreg_enumkey(state, handle, index)
  return call(state, 9, "enumkey", handle .. string.pack("<I4", index) .. room(1024)
    .. string.pack("<I4", 0x00020000) .. room(1024) .. string.pack("<I4I8", 0x00020000, 0),
  function(r)
    local result = { name = r:counted(r:counted_head()) }
    r:align(4)
    result.class = r:number() ~= 0 and r:counted(r:counted_head()) or nil
    r:align(4)
    result.changed_time = r:number() ~= 0 and r:long() or 0
    result.changed_date = ndr.time(result.changed_time)
    return result
  end)
end

--- BaseRegQueryInfoKey: `true, { subkeys, values, last_changed_time, last_changed_date }` or `false,
-- reason`.
function M.winreg_queryinfokey(state, handle)
  return call(state, 16, "queryinfokey", handle .. string.pack("<I2I2I4", 0, 0, 0), function(r)
    r:counted(r:counted_head())
    local result = { subkeys = r:number() }
    r:number()
    r:number()
    result.values = r:number()
    r:number()
    r:number()
    r:number()
    result.last_changed_time = r:long()
    result.last_changed_date = ndr.time(result.last_changed_time) or "<unknown>"
    return result
  end)
end

local REG_DWORD, REG_QWORD, texts = 4, 11, { [1] = true, [2] = true, [7] = true }

-- A value as scripts want it: texts with their zeros, numbers as such.
local function value_of(kind, bytes)
  if texts[kind] then
    return (require "unicode".utf16to8(bytes))
  elseif kind == REG_DWORD and #bytes >= 4 or kind == REG_QWORD and #bytes >= 8 then
    return (string.unpack(kind == REG_DWORD and "<I4" or "<i8", bytes))
  end
  return bytes
end

--- BaseRegQueryValue: `true, { type, value }` or `false, reason`.
function M.winreg_queryvalue(state, handle, name)
  -- pointers to: the type, room for the data, its size, their length
  return call(state, 17, "queryvalue", handle .. name_of(name)
    .. string.pack("<I4I4I4I4I4I4I4I4I4I4", 0x00020000, 0, 0x00020004, value_max, 0, 0, 0x00020008,
      value_max, 0x0002000c, 0), function(r)
    local kind = r:number() ~= 0 and r:number() or 0
    local bytes = ""
    if r:number() ~= 0 then
      r:number()
      r:number()
      bytes = r:bytes(r:number())
    end
    r:align(4)
    for _ = 1, 2 do
      if r:number() ~= 0 then
        r:number()
      end
    end
    return { type = kind, value = value_of(kind, bytes) }
  end)
end

return M
