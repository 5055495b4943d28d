--- Directories of SMB 1 (MS-CIFS 2.2.6.2, 2.2.6.3): what is in them. smb has find_files.

local coroutine, datetime, files = coroutine, require "datetime", require "smb.files"
local pcall, require, string, unicode = pcall, require, string, require "unicode"

local M = {}

local FIND_FIRST2, FIND_NEXT2, level, batch, rounds_max = 1, 2, 0x104, 512, 64

-- All but the device: hidden, system, directories, archived.
local wanted = 0x16

local function time_of(filetime)
  return datetime.format_timestamp(filetime // 10000000 - 11644473600)
end

-- SMB_FIND_FILE_BOTH_DIRECTORY_INFO (2.2.8.1.7), each given to `each`: the last name.
local function read_entries(data, each)
  local at, last = 1, nil
  while true do
    local ok, next_at, _, created, accessed, written, changed, size, allocated, attributes, length =
      pcall(string.unpack, "<I4I4i8i8i8i8i8i8I4I4", data, at)
    local name = ok and string.sub(data, at + 94, at + 93 + length)
    if not name or #name < length then
      return last
    end
    last = unicode.utf16to8(name)
    each({ fname = last, eof = size, alloc_size = allocated, attrs = attributes,
      created = time_of(created), accessed = time_of(accessed), write = time_of(written),
      change = time_of(changed) })
    if next_at < 94 then
      return last
    end
    at = at + next_at
  end
end

-- All entries of a pattern, in as many questions as it takes.
local function walk(smb, pattern, each)
  local path = "\\" .. string.gsub(pattern, "^\\+", "")
  local ok, result = files.transaction2(smb, FIND_FIRST2, string.pack("<I2I2I2I2I4", wanted, batch,
    6, level, 0) .. unicode.utf8to16(path .. "\0"))
  local sid = ok and #result.parameters >= 6 and string.unpack("<I2", result.parameters)
  local ended = not sid or string.unpack("<I2", result.parameters, 5) ~= 0
  local last = sid and read_entries(result.data, each)
  for _ = 1, rounds_max do
    if ended or not last then
      return
    end
    ok, result = files.transaction2(smb, FIND_NEXT2, string.pack("<I2I2I2I4I2", sid, batch, level, 0,
      6) .. unicode.utf8to16(last .. "\0"))
    if not ok or #result.parameters < 4 then
      return
    end
    ended = string.unpack("<I2", result.parameters, 3) ~= 0
    last = read_entries(result.data, each)
  end
end

--- Goes through the files of the connected share that a pattern names ("\\dir\\*"), each as { fname, eof
-- (bytes), attrs (16: a directory), created, accessed, write, change (texts) }.
function M.find_files(smb, pattern)
  return coroutine.wrap(function()
    walk(smb, pattern, coroutine.yield)
  end)
end

return M
