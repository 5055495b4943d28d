--- Internationalised domain names (RFC 5891), as far as asking for them needs it: lower case,
-- ideographic full stops as dots, and Punycode for each label. The tables of UTS 46 are not
-- applied.

local pairs, pcall, punycode, string = pairs, pcall, require "punycode", string
local table, type, utf8 = table, type, utf8

local M = {}

-- U+3002, U+FF0E, U+FF61
local dots = { ["\u{3002}"] = ".", ["\u{ff0e}"] = ".", ["\u{ff61}"] = "." }

local function as_text(name)
  return type(name) == "table" and utf8.char(table.unpack(name)) or name
end

-- Lower case of Latin-1, Greek and Cyrillic letters; of others there is none in DNS names that
-- people use.
local function lower(text)
  local out = {}
  for _, code in utf8.codes(text) do
    if code >= 0x41 and code <= 0x5a or code >= 0xc0 and code <= 0xde and code ~= 0xd7
      or code >= 0x391 and code <= 0x3a9 or code >= 0x410 and code <= 0x42f then
      code = code + 0x20
    elseif code >= 0x400 and code <= 0x40f then
      code = code + 0x50
    end
    out[#out + 1] = utf8.char(code)
  end
  return table.concat(out)
end

local function each_label(name, f)
  local out = {}
  for label in string.gmatch(name .. ".", "([^.]*)%.") do
    local result, message = f(label)
    if not result then
      return nil, message
    end
    out[#out + 1] = result
  end
  return table.concat(out, ".")
end

--- The ASCII form of a name (UTF-8 text or array of code points). nil, message when it cannot be
-- one.
function M.toASCII(name)
  local ok, text = pcall(function()
    local plain = as_text(name)
    for from, to in pairs(dots) do
      plain = string.gsub(plain, from, to)
    end
    return lower(plain)
  end)
  if not ok then
    return nil, "the name is no UTF-8"
  end
  return each_label(text, function(label)
    local encoded = punycode.encode_label(label)
    if #encoded > 63 then
      return nil, "a label is longer than 63 bytes"
    end
    return encoded
  end)
end

--- The Unicode form of a name in ASCII.
function M.toUnicode(name)
  return each_label(as_text(name), punycode.decode_label)
end

return M
