--- How arguments of remote calls go over the wire (C706, chapter 14: NDR, little endian), and the types
-- that Windows' interfaces share (MS-DTYP): texts, security identifiers, times.

local datetime, error, math, pcall = require "datetime", error, math, pcall
local require, setmetatable, string, stringaux = require, setmetatable, string, require "stringaux"
local table, tonumber, unicode = table, tonumber, require "unicode"

local M = {}

--- How many items of a list are read at most.
M.items_max = 4096

-- Anything but zero: there is something behind the pointer.
local pointer = 0x00020000

-- Making ------------------------------------------------------------------------------------------

--- A text of 16-bit characters, ended by a zero.
function M.text(text)
  local wide = unicode.utf8to16(text .. "\0")
  local n = #wide // 2
  return string.pack("<I4I4I4", n, 0, n) .. wide .. string.rep("\0", -#wide % 4)
end

--- A pointer to such a text; to nothing for nil.
function M.text_pointer(text)
  if not text then
    return string.pack("<I4", 0)
  end
  return string.pack("<I4", pointer) .. M.text(text)
end

--- RPC_UNICODE_STRING (MS-DTYP 2.3.10): the head with its pointer, and what is behind it. `extra`: what
-- is sent at the end of the text, and counted ("\0" where the interface wants it).
function M.counted(text, extra)
  local wide = unicode.utf8to16(text .. (extra or ""))
  local n = #wide // 2
  return string.pack("<I2I2I4", #wide, #wide, pointer), string.pack("<I4I4I4", n, 0, n) .. wide
    .. string.rep("\0", -#wide % 4)
end

--- A security identifier from its text ("S-1-5-32-544"), as a conformant structure; nil when it is none.
function M.sid(text)
  local authority, rest = string.match(text, "^S%-1%-(%d+)(.*)$")
  local numbers = {}
  for number in string.gmatch(rest or "", "%-(%d+)") do
    local value = tonumber(number)
    if value > 0xffffffff then
      return nil
    end
    numbers[#numbers + 1] = string.pack("<I4", value)
  end
  if not authority or #numbers == 0 or #numbers > 15 then
    return nil
  end
  return string.pack("<I4BB>I6", #numbers, 1, #numbers, tonumber(authority)) .. table.concat(numbers)
end

-- Reading -----------------------------------------------------------------------------------------

local Reader = {}
Reader.__index = Reader

--- A cursor over an answer; its methods raise an error where that ends: call them inside read().
function M.reader(data)
  return setmetatable({ data = data, at = 1 }, Reader)
end

function Reader:align(size)
  self.at = self.at + -(self.at - 1) % size
end

--- The next number of four bytes.
function Reader:number()
  self:align(4)
  local value
  value, self.at = string.unpack("<I4", self.data, self.at)
  return value
end

--- The next number of two bytes.
function Reader:short()
  self:align(2)
  local value
  value, self.at = string.unpack("<I2", self.data, self.at)
  return value
end

--- The next number of eight bytes with a sign, on a multiple of four or what is given.
function Reader:long(alignment)
  self:align(alignment or 4)
  local value
  value, self.at = string.unpack("<i8", self.data, self.at)
  return value
end

--- The next n bytes.
function Reader:bytes(n)
  if n > #self.data - self.at + 1 then
    error("bytes beyond the end", 0)
  end
  self.at = self.at + n
  return string.sub(self.data, self.at - n, self.at - 1)
end

-- Characters of a conformant and varying array.
function Reader:wide()
  self:number()
  self:number()
  local n = self:number()
  return unicode.utf16to8(self:bytes(2 * n))
end

--- The text behind a pointer that is not null.
function Reader:text()
  local text = self:wide()
  self:align(4)
  return stringaux.trim_end(text, "%z")
end

--- The head of an RPC_UNICODE_STRING: whether a text follows later, which counted() reads.
function Reader:counted_head()
  self:align(4)
  self:short()
  self:short()
  return self:number() ~= 0
end

function Reader:counted(there)
  return there and stringaux.trim_end(self:wide(), "%z") or ""
end

--- A security identifier as text.
function Reader:sid()
  self:number()
  local revision, n = string.unpack("BB", self:bytes(2))
  local text = string.format("S-%d-%d", revision, (string.unpack(">I6", self:bytes(6))))
  if n > 15 then
    error("a broken security identifier", 0)
  end
  for _ = 1, n do
    text = text .. "-" .. self:number()
  end
  return text
end

--- A list behind a pointer: the number of items, read once more as that of the array, then each by
-- `head(reader)`, then what is behind each by `body(reader, item)`.
function Reader:list(n, head, body)
  local items = {}
  if self:number() == 0 then
    return items
  end
  self:number()
  for i = 1, math.min(n, M.items_max) do
    items[i] = head(self)
  end
  for i = 1, #items do
    items[i] = body(self, items[i])
  end
  return items
end

--- Reads with `f(reader)`, which may run over the end: `true, result` or `false, reason`.
function M.read(data, f)
  local ok, result, reason = pcall(f, M.reader(data))
  if not ok then
    return false, "a broken answer"
  elseif not result then
    return false, reason
  end
  return true, result
end

--- An error of Windows as text.
function M.windows_error(code)
  return code == 5 and "access denied" or string.format("error %d", code)
end

-- Samba's way to say "for ever" where Windows has the smallest number there is.
local for_ever = 0xffffffff

--- A span of time in units of 100 ns, which goes back in time: whole seconds; nil for none and for ever.
function M.seconds(span)
  local seconds = span ~= math.mininteger and -span // 10000000 or 0
  return seconds ~= 0 and seconds ~= for_ever and seconds or nil
end

--- A FILETIME as text; nil for none.
function M.time(filetime)
  if filetime <= 0 then
    return nil
  end
  return datetime.format_timestamp(filetime // 10000000 - 11644473600)
end

return M
