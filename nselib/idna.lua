--- Internationalised domain names (RFC 5891), as far as asking for them needs it: the mapping of UTS
-- 46 for what people type (lower case, ideographic full stops, full-width letters, raised and
-- lowered digits), and Punycode for each label. Its whole tables are not applied.
--
-- A name is an array of code points or UTF-8 text.

local ipairs, pcall, punycode, string = ipairs, pcall, require "punycode", string
local table, type, utf8 = table, type, utf8

local M = {}

-- Bytes or code points; names of DNS have 253 at most, and more when they are written out.
local longest = 1024

local function as_codes(name)
  return type(name) == "table" and name or { utf8.codepoint(name, 1, -1) }
end

local dot = 0x2e
local dots = { [0x3002] = true, [0xff0e] = true, [0xff61] = true }
local ignored = { [0xad] = true, [0x200b] = true, [0x2060] = true, [0xfeff] = true }

-- What IDNA 2003 took for something else: sharp s, final sigma, and the joiners, which it dropped.
local deviations = { [0xdf] = { 0x73, 0x73 }, [0x3c2] = { 0x3c3 }, [0x200c] = {}, [0x200d] = {} }

-- Lower case of Latin-1, Greek and Cyrillic letters; of others there is none in DNS names that
-- people use.
local function lower(code)
  if code >= 0x41 and code <= 0x5a or code >= 0xc0 and code <= 0xde and code ~= 0xd7
    or code >= 0x391 and code <= 0x3a9 or code >= 0x410 and code <= 0x42f then
    return code + 0x20
  elseif code >= 0x400 and code <= 0x40f then
    return code + 0x50
  end
  return code
end

local raised = { [0xb9] = 0x31, [0xb2] = 0x32, [0xb3] = 0x33 }

local function plain(code)
  if dots[code] then
    return dot
  elseif code >= 0xff01 and code <= 0xff5e then
    return code - 0xfee0
  elseif code >= 0x2080 and code <= 0x2089 or code == 0x2070 or code >= 0x2074 and code <= 0x2079 then
    return (code & 15) + 0x30
  end
  return raised[code] or code
end

local function mapped(codes, transitional)
  local out = {}
  for _, code in ipairs(codes) do
    local instead = transitional and deviations[code]
    if instead then
      table.move(instead, 1, #instead, #out + 1, out)
    elseif not ignored[code] then
      out[#out + 1] = lower(plain(code))
    end
  end
  return out
end

local function labels_of(codes)
  local labels = { {} }
  for _, code in ipairs(codes) do
    if code == dot then
      labels[#labels + 1] = {}
    else
      table.insert(labels[#labels], code)
    end
  end
  return labels
end

local function encoded_label(codes)
  local encoded = punycode.encode_label(codes)
  if string.find(encoded, "^xn%-%-xn%-%-") then
    return nil, "a label looks encoded, and is not"
  elseif #encoded > 63 then
    return nil, "a label is longer than 63 bytes"
  end
  return encoded
end

--- The ASCII form of a name. `transitional`: sharp s becomes "ss" and so on, as in IDNA 2003 (true
-- when nil; browsers have left it). nil, message when the name cannot have one.
function M.toASCII(name, transitional)
  if name and #name > longest then
    return nil, "the name is longer than names are"
  end
  local ok, codes = pcall(as_codes, name)
  if not ok then
    return nil, "the name is no UTF-8"
  end
  local out = labels_of(mapped(codes, transitional ~= false))
  for i, label in ipairs(out) do
    local encoded, message = encoded_label(label)
    if not encoded then
      return nil, message
    end
    out[i] = encoded
  end
  return table.concat(out, ".")
end

--- The Unicode form of a name in ASCII: code points of code points, text of a text. nil, message for
-- a label that is no Punycode.
function M.toUnicode(name)
  if name and #name > longest then
    return nil, "the name is longer than names are"
  end
  local ok, text = pcall(function()
    return type(name) == "table" and utf8.char(table.unpack(name)) or name
  end)
  if not ok then
    return nil, "the name has code points that there are not"
  end
  local out = {}
  for label in string.gmatch(text .. ".", "([^.]*)%.") do
    local codes, message = punycode.decode_label(label)
    if not codes then
      return nil, message
    end
    out[#out + 1] = utf8.char(table.unpack(codes))
  end
  local result = table.concat(out, ".")
  return type(name) == "table" and as_codes(result) or result
end

return M
