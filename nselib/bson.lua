--- BSON 1.1 (bsonspec.org), as MongoDB speaks it.
--
-- A document is read as an output table (keys in their order), an array as a list. Integers and
-- doubles become numbers, strings and booleans themselves, dates ISO 8601, identifiers hexadecimal,
-- null is `bson.null`.

local error, ipairs, math, os, pairs = error, ipairs, math, os, pairs
local pcall, setmetatable, stdnse, string, table = pcall, setmetatable, require "stdnse", string, table
local tostring, type = tostring, type

local M = {}

local depth_max, document_max, binary_max = 32, 1 << 20, 1024

--- What stands for null.
M.null = setmetatable({}, {
  __tostring = function()
    return "null"
  end,
})

-- Writing -----------------------------------------------------------------------------------------

--- Bytes as the binary type of BSON.
function M.binary(bytes)
  return { binary = bytes }
end

local write_document

-- An array is a document whose names are "0", "1" and so on.
local function numbered(list)
  local out = {}
  for i, value in ipairs(list) do
    out[i] = { tostring(i - 1), value }
  end
  return out
end

local function write_value(value)
  if type(value) == "string" then
    return 2, string.pack("<s4", value .. "\0")
  elseif type(value) == "boolean" then
    return 8, value and "\1" or "\0"
  elseif math.type(value) == "float" then
    return 1, string.pack("<d", value)
  elseif math.type(value) == "integer" then
    if value >= -0x80000000 and value <= 0x7fffffff then
      return 16, string.pack("<i4", value)
    end
    return 18, string.pack("<i8", value)
  elseif type(value) == "table" and value.binary then
    return 5, string.pack("<I4B", #value.binary, 0) .. value.binary
  elseif type(value) == "table" and value[1] ~= nil and type(value[1]) ~= "table" then
    return 4, write_document(numbered(value))
  elseif type(value) == "table" then
    return 3, write_document(value)
  end
  error("no BSON for a " .. type(value), 0)
end

function write_document(list)
  local out = {}
  local function add(name, value)
    local kind, bytes = write_value(value)
    out[#out + 1] = string.pack("<Bz", kind, name) .. bytes
  end
  if list[1] then
    for _, pair in ipairs(list) do
      add(pair[1], pair[2])
    end
  else
    for name, value in pairs(list) do
      add(tostring(name), value)
    end
  end
  local content = table.concat(out)
  return string.pack("<I4", #content + 5) .. content .. "\0"
end

--- A document as bytes: from a list of pairs { { "name", value }, ... }, whose order is kept, or
-- from a table. Values: strings, booleans, numbers, `binary`, documents. `true, bytes` or `false,
-- reason`.
function M.encode(document)
  return pcall(write_document, document)
end

-- Reading -----------------------------------------------------------------------------------------

local read_document

local function text_of(data, at)
  local length, after = string.unpack("<I4", data, at)
  if length < 1 or string.byte(data, after + length - 1) ~= 0 then
    error("a string without an end", 0)
  end
  return string.sub(data, after, after + length - 2), after + length
end

local function date_of(data, at)
  local ms, after = string.unpack("<i8", data, at)
  local seconds = ms // 1000
  if seconds < -62135596800 or seconds > 253402300799 then
    return ms, after
  end
  return os.date("!%Y-%m-%dT%H:%M:%S", seconds) .. string.format(".%03dZ", ms % 1000), after
end

local function binary_of(data, at)
  local length, after = string.unpack("<I4", data, at)
  if after + length > #data then
    error("binary data without an end", 0)
  end
  local bytes = string.sub(data, after + 1, after + length)
  if string.byte(data, after) == 2 and (length < 4 or string.unpack("<I4", bytes) ~= length - 4) then
    error("binary data whose lengths differ", 0)
  end
  local text = stdnse.tohex(string.sub(bytes, 1, binary_max))
  return #bytes > binary_max and text .. "..." or text, after + 1 + length
end

local function constant(value)
  return function(_, at)
    return value, at
  end
end

local function number(format)
  return function(data, at)
    return string.unpack(format, data, at)
  end
end

local readers = {
  [1] = number("<d"), [2] = text_of,
  [3] = function(data, at, depth)
    return read_document(data, at, depth + 1, false)
  end,
  [4] = function(data, at, depth)
    return read_document(data, at, depth + 1, true)
  end,
  [5] = binary_of, [6] = constant(M.null),
  [7] = function(data, at)
    return stdnse.tohex((string.unpack("c12", data, at))), at + 12
  end,
  [8] = function(data, at)
    return string.unpack("B", data, at) ~= 0, at + 1
  end,
  [9] = date_of, [10] = constant(M.null),
  [11] = function(data, at)
    local pattern, flags, after = string.unpack("zz", data, at)
    return "/" .. pattern .. "/" .. flags, after
  end,
  [13] = text_of, [14] = text_of, [16] = number("<i4"),
  [17] = function(data, at)
    local increment, seconds, after = string.unpack("<I4I4", data, at)
    return seconds .. ":" .. increment, after
  end,
  [18] = number("<i8"),
  [19] = function(data, at)
    return stdnse.tohex((string.unpack("c16", data, at))), at + 16
  end,
  [127] = constant("MaxKey"), [255] = constant("MinKey"),
}

function read_document(data, at, depth, is_array)
  local size, pos = string.unpack("<I4", data, at)
  local last = at + size - 1
  if depth > depth_max or size < 5 or size > document_max or string.byte(data, last) ~= 0 then
    error("no BSON document", 0)
  end
  local out = is_array and {} or stdnse.output_table()
  while pos < last do
    local kind, name, from = string.unpack("<Bz", data, pos)
    local reader = readers[kind]
    if not reader then
      error("unknown BSON type " .. kind, 0)
    end
    local value
    value, pos = reader(data, from, depth)
    if is_array then
      out[#out + 1] = value
    else
      out[name] = value
    end
  end
  if pos ~= last then
    error("a BSON document whose length is wrong", 0)
  end
  return out, last + 1
end

--- The document at `at` (default 1): the document and the position after it, or nil and the reason.
function M.decode(data, at)
  local ok, document, after = pcall(read_document, data, at or 1, 1, false)
  if not ok then
    return nil, document
  end
  return document, after
end

return M
