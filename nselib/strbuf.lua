--- Buffers for text that grows piece by piece.
--
--     local b = strbuf.new("first")
--     b = b .. "second" .. "third"
--     print(strbuf.dump(b, ", "))
--
-- A buffer is an array of strings. `..` appends to it (and returns the buffer itself), `==`
-- compares two buffers piece by piece, `tostring` gives the pieces as lines. The functions are
-- methods too: `b:dump()`.

local getmetatable, setmetatable = getmetatable, setmetatable
local error, select, table, tostring, type = error, select, table, tostring, type

local M = {}
local mt = {}

local function is_buffer(v)
  return type(v) == "table" and getmetatable(v) == mt
end

local function append(buffer, value)
  if type(value) ~= "string" and type(value) ~= "number" then
    error("bad #2 operand to strbuf concat operation", 3)
  end
  buffer[#buffer + 1] = tostring(value)
  return buffer
end

--- The text of the pieces `i` to `j` (all when nil) with `separator` (nothing when nil) between
-- them.
function M.dump(buffer, separator, i, j)
  return table.concat(buffer, separator, i, j)
end

--- The pieces as lines.
function M.tostring(buffer)
  return table.concat(buffer, "\n")
end

--- Appends a string or a number to a buffer and returns it. Throws for anything else.
function M.concatbuf(buffer, value)
  if not is_buffer(buffer) then
    error("bad #1 operand to strbuf concat operation", 2)
  end
  return append(buffer, value)
end

--- Have the buffers the same pieces?
function M.eqbuf(a, b)
  if not (is_buffer(a) and is_buffer(b) and #a == #b) then
    return false
  end
  for i = 1, #a do
    if a[i] ~= b[i] then
      return false
    end
  end
  return true
end

--- Empties a buffer in place.
function M.clear(buffer)
  for i = #buffer, 1, -1 do
    buffer[i] = nil
  end
end

mt.__concat = M.concatbuf
mt.__eq = M.eqbuf
mt.__index = M
mt.__tostring = M.tostring

--- A new buffer with the given pieces.
function M.new(...)
  local buffer = setmetatable({}, mt)
  for i = 1, select("#", ...) do
    append(buffer, (select(i, ...)))
  end
  return buffer
end

return M
