--- Base32 (RFC 4648, sections 6 and 7): `enc(bytes, hexExtend)` and `dec(text, hexExtend)`.
-- `hexExtend` true: the alphabet 0-9 A-V ("base32hex"), else A-Z 2-7.

local string, table = string, table

local M = {}

local standard, extended = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", "0123456789ABCDEFGHIJKLMNOPQRSTUV"

local function inverse(alphabet)
  local t = {}
  for i = 1, #alphabet do
    t[string.sub(alphabet, i, i)] = i - 1
    t[string.lower(string.sub(alphabet, i, i))] = i - 1
  end
  return t
end
local standard_values, extended_values = inverse(standard), inverse(extended)

-- The eight letters of five bytes, two at a time.
local function pairs_of(alphabet)
  local t = {}
  for value = 0, 1023 do
    local first, second = value >> 5, value & 31
    t[value] = string.sub(alphabet, first + 1, first + 1)
      .. string.sub(alphabet, second + 1, second + 1)
  end
  return t
end
local standard_pairs, extended_pairs = pairs_of(standard), pairs_of(extended)

--- The base32 text of `bytes` in upper case, padded with `=` to a multiple of eight.
function M.enc(bytes, hexExtend)
  local letters, out = hexExtend and extended_pairs or standard_pairs, {}
  local missing = -#bytes % 5
  local text = bytes .. string.rep("\0", missing)
  for at = 1, #text, 5 do
    local n = string.unpack(">I5", text, at)
    out[#out + 1] = letters[n >> 30] .. letters[n >> 20 & 1023] .. letters[n >> 10 & 1023]
      .. letters[n & 1023]
  end
  local padding = missing * 8 // 5
  return string.sub(table.concat(out), 1, -1 - padding) .. string.rep("=", padding)
end

--- The bytes that `text` stands for, in either case. Bytes outside the alphabet are skipped.
function M.dec(text, hexExtend)
  local values = hexExtend and extended_values or standard_values
  local out, bits, n = {}, 0, 0
  for c in string.gmatch(text, ".") do
    local value = values[c]
    if value then
      n = (n << 5 | value) & 0xffff
      bits = bits + 5
      if bits >= 8 then
        bits = bits - 8
        out[#out + 1] = string.char(n >> bits & 0xff)
      end
    end
  end
  return table.concat(out)
end

return M
