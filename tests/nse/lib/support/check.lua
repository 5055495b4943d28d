-- Assertions for the Lua tests. Each throws a text that shows both values.
local M = {}

local function quoted(s)
  return (string.format("%q", s):gsub("\\\n", "\\n"):gsub("[\x7f-\xff]", function(c)
    return string.format("\\x%02x", c:byte())
  end))
end

--- A value as text: tables with sorted keys, so that equal values have equal texts.
function M.show(value, depth)
  depth = depth or 0
  if type(value) == "string" then
    return quoted(value)
  elseif type(value) ~= "table" then
    return tostring(value)
  elseif depth > 12 then
    return "..."
  end
  local parts, seen, keys = {}, {}, {}
  for i, item in ipairs(value) do
    parts[i], seen[i] = M.show(item, depth + 1), true
  end
  for key in pairs(value) do
    if not seen[key] then
      keys[#keys + 1] = key
    end
  end
  table.sort(keys, function(a, b)
    return tostring(a) < tostring(b)
  end)
  for _, key in ipairs(keys) do
    parts[#parts + 1] = "[" .. M.show(key, depth + 1) .. "] = " .. M.show(value[key], depth + 1)
  end
  return "{" .. table.concat(parts, ", ") .. "}"
end

local function fail(what, got, wanted)
  error(string.format("%s\n  got:    %s\n  wanted: %s", what or "values differ", got, wanted), 3)
end

--- Equal by ==.
function M.equal(got, wanted, what)
  if got ~= wanted then
    fail(what, M.show(got), M.show(wanted))
  end
end

--- Equal in shape and content, key order aside.
function M.same(got, wanted, what)
  local a, b = M.show(got), M.show(wanted)
  if a ~= b then
    fail(what, a, b)
  end
end

function M.truthy(got, what)
  if not got then
    fail(what, M.show(got), "a true value")
  end
end

function M.falsy(got, what)
  if got then
    fail(what, M.show(got), "nil or false")
  end
end

--- `text` contains the plain `piece`.
function M.contains(text, piece, what)
  if type(text) ~= "string" or not text:find(piece, 1, true) then
    fail(what, M.show(text), "a text with " .. M.show(piece))
  end
end

--- f(...) throws, with a message that contains `piece`.
function M.throws(piece, f, ...)
  local ok, message = pcall(f, ...)
  if ok or not tostring(message):find(piece, 1, true) then
    fail("an error was expected", ok and "none" or tostring(message), piece)
  end
end

--- f(...) takes less than two seconds: for what must not grow with the square of a text's length.
function M.quick(f, ...)
  local started = os.clock()
  f(...)
  local took = os.clock() - started
  if took > 2 then
    fail("took too long", ("%.1f s"):format(took), "less than 2 s")
  end
end

--- A failure as the library reports it: a false first result and a message.
function M.fails(status, message, what)
  if status or message == nil then
    fail(what, M.show(status) .. ", " .. M.show(message), "nil or false, and a message")
  end
end

return M
