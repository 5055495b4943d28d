--- Helpers that shape the text of structured results without touching their data.

local getmetatable, pairs, rawget, rawlen = getmetatable, pairs, rawget, rawlen
local setmetatable, table, tostring, type = setmetatable, table, tostring, type

local M = {}

local function metatable_of(t)
  local mt = getmetatable(t)
  if not mt then
    mt = {}
    setmetatable(t, mt)
  end
  return mt
end

--- Makes the array `t` print as one line, its items joined by `separator` (", " when nil).
-- The structured data stay a list. Items are shown as `tostring` shows them.
function M.list_sep(t, separator)
  metatable_of(t).__tostring = function(self)
    local items = {}
    for i = 1, rawlen(self) do
      items[i] = tostring(rawget(self, i))
    end
    return table.concat(items, separator or ", ")
  end
end

-- Numbers before strings, each in its own order; everything else by its text.
local function before(a, b)
  local ta, tb = type(a), type(b)
  if ta ~= tb then
    return ta < tb
  elseif ta == "number" or ta == "string" then
    return a < b
  end
  return tostring(a) < tostring(b)
end

--- A view of `t` whose `pairs` goes through the keys in ascending order, whenever it is called.
function M.sorted_by_key(t)
  local function iterate()
    local keys = {}
    for k in pairs(t) do
      keys[#keys + 1] = k
    end
    table.sort(keys, before)
    local at = 0
    return function()
      at = at + 1
      local k = keys[at]
      if k ~= nil then
        return k, t[k]
      end
    end
  end
  return setmetatable({}, { __index = t, __pairs = iterate })
end

return M
