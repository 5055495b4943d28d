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

--- The base32 text of `bytes` in upper case, padded with `=` to a multiple of eight.
function M.enc(bytes, hexExtend)
  local alphabet = hexExtend and extended or standard
  local out, bits, n = {}, 0, 0
  local function put()
    local value = n >> (bits - 5) & 31
    out[#out + 1] = string.sub(alphabet, value + 1, value + 1)
    bits = bits - 5
  end
  for i = 1, #bytes do
    n = (n << 8 | string.byte(bytes, i)) & 0xffff
    bits = bits + 8
    while bits >= 5 do
      put()
    end
  end
  if bits > 0 then
    n, bits = n << (5 - bits), 5
    put()
  end
  return table.concat(out) .. string.rep("=", -#out % 8)
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
