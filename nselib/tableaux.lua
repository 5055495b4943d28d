--- Small helpers for tables. None of them yields, none changes its argument.

local next, pairs, type = next, pairs, type

local M = {}

--- A copy of `t` whose tables are copies too, at every depth (keys are shared, metatables are not
-- kept). A table that contains itself is copied once and the copy contains itself.
function M.tcopy(t, seen)
  if type(t) ~= "table" then
    return t
  end
  seen = seen or {}
  if seen[t] then
    return seen[t]
  end
  local copy = {}
  seen[t] = copy
  for k, v in next, t do
    copy[k] = M.tcopy(v, seen)
  end
  return copy
end

--- A copy of one level: the values are the same objects.
function M.shallow_tcopy(t)
  local copy = {}
  for k, v in next, t do
    copy[k] = v
  end
  return copy
end

--- A table with keys and values exchanged. Of equal values an arbitrary one wins.
function M.invert(t)
  local result = {}
  for k, v in pairs(t) do
    result[v] = k
  end
  return result
end

--- `true, key` when a value of `t` equals `item` (by ==), else `false, nil`.
-- With `array` true only the array part is searched, in order.
function M.contains(t, item, array)
  if array then
    for i = 1, #t do
      if t[i] == item then
        return true, i
      end
    end
    return false, nil
  end
  for k, v in pairs(t) do
    if v == item then
      return true, k
    end
  end
  return false, nil
end

--- An array of the keys of `t`, in no particular order.
function M.keys(t)
  local result = {}
  for k in pairs(t) do
    result[#result + 1] = k
  end
  return result
end

return M
