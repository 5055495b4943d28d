--- Base64 (RFC 4648, section 4): `enc(bytes)` and `dec(text)`.

local string, table = string, table

local M = {}

local alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
local char_of, value_of = {}, {}
for i = 1, 64 do
  local c = string.byte(alphabet, i)
  char_of[i - 1] = string.char(c)
  value_of[c] = i - 1
end

--- The base64 text of `bytes`, padded with `=`.
function M.enc(bytes)
  local out = {}
  for i = 1, #bytes, 3 do
    local a, b, c = string.byte(bytes, i, i + 2)
    local n = a << 16 | (b or 0) << 8 | (c or 0)
    out[#out + 1] = char_of[n >> 18] .. char_of[n >> 12 & 63]
      .. (b and char_of[n >> 6 & 63] or "=") .. (c and char_of[n & 63] or "=")
  end
  return table.concat(out)
end

--- The bytes that `text` stands for. Bytes outside the alphabet (line breaks, padding) are skipped,
-- bits that do not fill a byte are dropped.
function M.dec(text)
  local out, bits, n = {}, 0, 0
  for i = 1, #text do
    local value = value_of[string.byte(text, i)]
    if value then
      n = (n << 6 | value) & 0xffff
      bits = bits + 6
      if bits >= 8 then
        bits = bits - 8
        out[#out + 1] = string.char(n >> bits & 0xff)
      end
    end
  end
  return table.concat(out)
end

return M
