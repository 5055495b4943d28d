--- Character sets: UTF-8 (RFC 3629), UTF-16 (RFC 2781), code page 437.
--
-- A decoder is called as `decoder(buffer, position, bigendian)` and returns the position after a
-- character and its code point (nil and U+FFFD's meaning is the caller's: broken input gives
-- 0xFFFD). An encoder is called as `encoder(code_point, bigendian)` and returns bytes.

local ipairs, string, table, utf8 = ipairs, string, table, utf8

local M = {}

local replacement = 0xfffd

--- The code points of a buffer, as an array.
function M.decode(buf, decoder, bigendian)
  local result, at = {}, 1
  while at <= #buf do
    local code
    at, code = decoder(buf, at, bigendian)
    result[#result + 1] = code
  end
  return result
end

--- The bytes of an array of code points.
function M.encode(list, encoder, bigendian)
  local out = {}
  for i, code in ipairs(list) do
    out[i] = encoder(code, bigendian)
  end
  return table.concat(out)
end

--- The text `buf`, read by `decoder`, written by `encoder`.
function M.transcode(buf, decoder, encoder, bigendian_dec, bigendian_enc)
  local out, at = {}, 1
  while at <= #buf do
    local code
    at, code = decoder(buf, at, bigendian_dec)
    out[#out + 1] = encoder(code, bigendian_enc)
  end
  return table.concat(out)
end

--- Decoder of UTF-16. A surrogate without its other half and a lone last byte give U+FFFD.
function M.utf16_dec(buf, pos, bigendian)
  pos = pos or 1
  local unit = bigendian and ">I2" or "<I2"
  if pos + 1 > #buf then
    return #buf + 1, replacement
  end
  local code = string.unpack(unit, buf, pos)
  pos = pos + 2
  if code & 0xf800 ~= 0xd800 then
    return pos, code
  end
  local low = pos + 1 <= #buf and string.unpack(unit, buf, pos) or 0
  if code & 0xfc00 == 0xd800 and low & 0xfc00 == 0xdc00 then
    return pos + 2, 0x10000 + ((code & 0x3ff) << 10 | low & 0x3ff)
  end
  return pos, replacement
end

--- Encoder of UTF-16.
function M.utf16_enc(cp, bigendian)
  local unit = bigendian and ">I2" or "<I2"
  if cp < 0x10000 then
    return string.pack(unit, cp)
  end
  cp = cp - 0x10000
  return string.pack(unit, 0xd800 | cp >> 10) .. string.pack(unit, 0xdc00 | cp & 0x3ff)
end

--- Decoder of UTF-8. A byte that starts no valid character gives U+FFFD alone.
function M.utf8_dec(buf, pos)
  pos = pos or 1
  local lead = string.byte(buf, pos)
  if lead < 0x80 then
    return pos + 1, lead
  end
  local n = lead >= 0xc2 and lead < 0xe0 and 1 or lead >= 0xe0 and lead < 0xf0 and 2
    or lead >= 0xf0 and lead < 0xf5 and 3
  local last = n and pos + n
  if n and last <= #buf and utf8.len(buf, pos, last) == 1 then
    return last + 1, utf8.codepoint(buf, pos)
  end
  return pos + 1, replacement
end

--- Encoder of UTF-8.
function M.utf8_enc(cp)
  return utf8.char(cp)
end

-- The upper half of code page 437, in order.
local cp437_upper = {
  0x00c7, 0x00fc, 0x00e9, 0x00e2, 0x00e4, 0x00e0, 0x00e5, 0x00e7, 0x00ea, 0x00eb, 0x00e8, 0x00ef,
  0x00ee, 0x00ec,
  0x00c4, 0x00c5, 0x00c9, 0x00e6, 0x00c6, 0x00f4, 0x00f6, 0x00f2, 0x00fb, 0x00f9, 0x00ff, 0x00d6,
  0x00dc, 0x00a2,
  0x00a3, 0x00a5, 0x20a7, 0x0192, 0x00e1, 0x00ed, 0x00f3, 0x00fa, 0x00f1, 0x00d1, 0x00aa, 0x00ba,
  0x00bf, 0x2310,
  0x00ac, 0x00bd, 0x00bc, 0x00a1, 0x00ab, 0x00bb, 0x2591, 0x2592, 0x2593, 0x2502, 0x2524, 0x2561,
  0x2562, 0x2556,
  0x2555, 0x2563, 0x2551, 0x2557, 0x255d, 0x255c, 0x255b, 0x2510, 0x2514, 0x2534, 0x252c, 0x251c,
  0x2500, 0x253c,
  0x255e, 0x255f, 0x255a, 0x2554, 0x2569, 0x2566, 0x2560, 0x2550, 0x256c, 0x2567, 0x2568, 0x2564,
  0x2565, 0x2559,
  0x2558, 0x2552, 0x2553, 0x256b, 0x256a, 0x2518, 0x250c, 0x2588, 0x2584, 0x258c, 0x2590, 0x2580,
  0x03b1, 0x00df,
  0x0393, 0x03c0, 0x03a3, 0x03c3, 0x00b5, 0x03c4, 0x03a6, 0x0398, 0x03a9, 0x03b4, 0x221e, 0x03c6,
  0x03b5, 0x2229,
  0x2261, 0x00b1, 0x2265, 0x2264, 0x2320, 0x2321, 0x00f7, 0x2248, 0x00b0, 0x2219, 0x00b7, 0x221a,
  0x207f, 0x00b2,
  0x25a0, 0x00a0,
}
local cp437_bytes = {}
for i, code in ipairs(cp437_upper) do
  cp437_bytes[code] = string.char(0x7f + i)
end

--- Decoder of code page 437.
function M.cp437_dec(buf, pos)
  pos = pos or 1
  local byte = string.byte(buf, pos)
  return pos + 1, byte < 0x80 and byte or cp437_upper[byte - 0x7f]
end

--- Encoder of code page 437. nil for a character that it does not have.
function M.cp437_enc(cp)
  return cp < 0x80 and string.char(cp) or cp437_bytes[cp]
end

--- The UTF-8 text of a UTF-16 text (little-endian).
function M.utf16to8(from)
  return M.transcode(from, M.utf16_dec, M.utf8_enc, false)
end

--- The UTF-16 text (little-endian) of a UTF-8 text.
function M.utf8to16(from)
  return M.transcode(from, M.utf8_dec, M.utf16_enc, nil, false)
end

--- What the first `len` bytes (all when nil) look like: "utf-16le" or "utf-16be" (by a byte order
-- mark, or by where the zero bytes stand), "utf-8" (of more than ASCII), "ascii", or "other".
function M.chardet(buf, len)
  local text = string.sub(buf, 1, len or #buf)
  local zero = string.find(text, "\0", 1, true)
  if string.find(text, "^\xff\xfe") then
    return "utf-16le"
  elseif string.find(text, "^\xfe\xff") then
    return "utf-16be"
  elseif zero then
    return zero % 2 == 0 and "utf-16le" or "utf-16be"
  elseif string.find(text, "[\x80-\xff]") then
    return utf8.len(text) and "utf-8" or "other"
  end
  return "ascii"
end

return M
