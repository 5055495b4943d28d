--- JSON (RFC 8259): `parse(text)` and `generate(value)`.
--
-- A JSON object becomes a table, an array a table with a metatable that says so, null becomes
-- `json.NULL` (a value of its own, because nil cannot stand in a table). `json.typeof(value)` tells
-- "object", "array", "null" or the Lua type. Nesting is limited to 256 levels.

local error, getmetatable, ipairs, math, pairs = error, getmetatable, ipairs, math, pairs
local pcall, rawequal, setmetatable, string = pcall, rawequal, setmetatable, string
local table, tonumber, tostring, type, utf8 = table, tonumber, tostring, type, utf8

local M = {}

local depth_max = 256

--- What null becomes. Its text is "null".
M.NULL = setmetatable({}, {
  json = "null",
  __tostring = function()
    return "null"
  end,
})

local array_mt = { json = "array" }
local object_mt = { json = "object" }

--- Makes `t` an array (also when it is empty) for `generate`. Returns `t`.
function M.make_array(t)
  return setmetatable(t, array_mt)
end

--- Makes `t` an object (also when it has array items) for `generate`. Returns `t`.
function M.make_object(t)
  return setmetatable(t, object_mt)
end

--- "object", "array", "null", or the Lua type of what is no table. A plain table with items from 1
-- is an array.
function M.typeof(value)
  if type(value) ~= "table" then
    return type(value)
  end
  local mt = getmetatable(value)
  if mt and mt.json then
    return mt.json
  end
  return rawequal(value[1], nil) and "object" or "array"
end

-- Generating --------------------------------------------------------------------------------------

local short_escapes = {
  ['"'] = '\\"', ["\\"] = "\\\\", ["\b"] = "\\b", ["\f"] = "\\f", ["\n"] = "\\n", ["\r"] = "\\r",
  ["\t"] = "\\t",
}

-- Bytes that are not UTF-8 are written as the code points of Latin-1, so that the text is valid
-- always.
local function quote(s)
  local text = string.gsub(s, '[%c"\\\x7f]', function(c)
    return short_escapes[c] or string.format("\\u%04x", string.byte(c))
  end)
  if not utf8.len(text) then
    text = string.gsub(text, "[\x80-\xff]", function(c)
      return string.format("\\u%04x", string.byte(c))
    end)
  end
  return '"' .. text .. '"'
end

local generate

local function generate_table(value, depth)
  local parts = {}
  local kind = M.typeof(value)
  if kind == "null" then
    return "null"
  elseif kind == "array" then
    for i, item in ipairs(value) do
      parts[i] = generate(item, depth + 1)
    end
    return "[" .. table.concat(parts, ", ") .. "]"
  end
  for key, item in pairs(value) do
    parts[#parts + 1] = quote(tostring(key)) .. ": " .. generate(item, depth + 1)
  end
  return "{" .. table.concat(parts, ", ") .. "}"
end

function generate(value, depth)
  if depth > depth_max then
    error("JSON nests too deeply", 0)
  end
  local kind = type(value)
  if kind == "string" then
    return quote(value)
  elseif kind == "boolean" then
    return tostring(value)
  elseif kind == "nil" then
    return "null"
  elseif kind == "number" then
    if value ~= value or value == math.huge or value == -math.huge then
      error("JSON has no number for " .. tostring(value), 0)
    end
    return tostring(value)
  elseif kind == "table" then
    return generate_table(value, depth)
  end
  error("JSON has no type for a " .. kind, 0)
end

--- The JSON text of a value. Throws for functions and the like, for infinities and for too deep
-- nesting.
function M.generate(obj)
  local ok, result = pcall(generate, obj, 1)
  if not ok then
    error(result, 2)
  end
  return result
end

-- Parsing -----------------------------------------------------------------------------------------

local function fail(text, at, expected)
  local _, line = string.gsub(string.sub(text, 1, at - 1), "\n", "")
  error({ place = string.format("near line %d, byte %d: expected %s", line + 1, at, expected) }, 0)
end

-- A form feed is let pass too.
local function skip_blanks(text, at)
  return string.find(text, "[^ \t\r\n\f]", at) or #text + 1
end

local long_escapes = { b = "\b", f = "\f", n = "\n", r = "\r", t = "\t", ['"'] = '"', ["\\"] = "\\",
  ["/"] = "/" }

-- \uXXXX at `at` (of the backslash): text, position after it. A pair of surrogates is one
-- character.
local function parse_unicode(text, at)
  local code = tonumber(string.match(text, "^\\u(%x%x%x%x)", at) or fail(text, at,
    "four hex digits"), 16)
  local after = at + 6
  if code & 0xfc00 == 0xd800 then
    local low = tonumber(string.match(text, "^\\u(%x%x%x%x)", after) or "0", 16)
    if low & 0xfc00 == 0xdc00 then
      return utf8.char(0x10000 + ((code & 0x3ff) << 10 | low & 0x3ff)), after + 6
    end
    error({ message = "Bad unicode escape at byte " .. at .. ": missing low surrogate" }, 0)
  end
  return utf8.char(code), after
end

local function parse_string(text, at)
  local parts, from = {}, at + 1
  while true do
    local stop = string.find(text, '["\\%c]', from)
    if not stop then
      fail(text, #text + 1, "the end of the string")
    end
    parts[#parts + 1] = string.sub(text, from, stop - 1)
    local c = string.sub(text, stop, stop)
    if c == '"' then
      return table.concat(parts), stop + 1
    elseif c ~= "\\" then
      parts[#parts + 1], from = c, stop + 1
    elseif string.sub(text, stop + 1, stop + 1) == "u" then
      parts[#parts + 1], from = parse_unicode(text, stop)
    else
      parts[#parts + 1] = long_escapes[string.sub(text, stop + 1, stop + 1)] or fail(text, stop,
        "an escape")
      from = stop + 2
    end
  end
end

local parse_value

local function parse_array(text, at, depth)
  local result = M.make_array({})
  at = skip_blanks(text, at + 1)
  if string.sub(text, at, at) == "]" then
    return result, at + 1
  end
  while true do
    result[#result + 1], at = parse_value(text, at, depth + 1)
    at = skip_blanks(text, at)
    local c = string.sub(text, at, at)
    if c == "]" then
      return result, at + 1
    elseif c ~= "," then
      fail(text, at, "',' or ']'")
    end
    at = at + 1
  end
end

local function parse_member(text, at, depth)
  at = skip_blanks(text, at)
  if string.sub(text, at, at) ~= '"' then
    fail(text, at, "a string")
  end
  local key, value
  key, at = parse_string(text, at)
  at = skip_blanks(text, at)
  if string.sub(text, at, at) ~= ":" then
    fail(text, at, "':'")
  end
  value, at = parse_value(text, at + 1, depth + 1)
  return key, value, at
end

local function parse_object(text, at, depth)
  local result = M.make_object({})
  at = skip_blanks(text, at + 1)
  if string.sub(text, at, at) == "}" then
    return result, at + 1
  end
  while true do
    local key, value
    key, value, at = parse_member(text, at, depth)
    result[key] = value
    at = skip_blanks(text, at)
    local c = string.sub(text, at, at)
    if c == "}" then
      return result, at + 1
    elseif c ~= "," then
      fail(text, at, "',' or '}'")
    end
    at = at + 1
  end
end

local function parse_number(text, at)
  local number = string.match(text, "^-?%d+%.?%d*[eE]?[+-]?%d*", at)
  local value = number and not string.find(number, "^-?0%d") and tonumber(number)
  if not value or string.find(number, "%.$") or string.find(number, "%.[eE]") then
    fail(text, at, "a value")
  end
  return value, at + #number
end

local words = { { "true", true }, { "false", false }, { "null", M.NULL } }

function parse_value(text, at, depth)
  if depth > depth_max then
    fail(text, at, "less nesting")
  end
  at = skip_blanks(text, at)
  local c = string.sub(text, at, at)
  if c == "{" then
    return parse_object(text, at, depth)
  elseif c == "[" then
    return parse_array(text, at, depth)
  elseif c == '"' then
    return parse_string(text, at)
  end
  for _, word in ipairs(words) do
    if string.sub(text, at, at + #word[1] - 1) == word[1] then
      return word[2], at + #word[1]
    end
  end
  return parse_number(text, at)
end

local function parse_document(text)
  local value, at = parse_value(text, 1, 1)
  at = skip_blanks(text, at)
  if at <= #text then
    fail(text, at, "the end")
  end
  return value
end

--- `true, value` of a JSON text, or `false, message, place`: the message of most is "syntax error",
-- the place says where and what was expected.
function M.parse(data)
  if type(data) ~= "string" then
    return false, "JSON text is a string, not a " .. type(data)
  end
  local ok, result = pcall(parse_document, data)
  if ok or type(result) ~= "table" then
    return ok, result
  end
  return false, result.message or "syntax error", result.place
end

return M
