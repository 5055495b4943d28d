--- List operations in the manner of Lisp. A list is an array without holes.

local ipairs, type = ipairs, type
local table = table

local M = {}

--- Is the list empty?
function M.is_empty(l)
  return #l == 0
end

--- Is the value a list (a table)?
function M.is_list(l)
  return type(l) == "table"
end

--- The list of `f(item)` for each item.
function M.map(f, l)
  local result = {}
  for i, v in ipairs(l) do
    result[i] = f(v)
  end
  return result
end

--- `f` called with all items as its arguments; returns what `f` returns.
function M.apply(f, l)
  return f(table.unpack(l))
end

--- The items for which `f(item)` is true.
function M.filter(f, l)
  local result = {}
  for _, v in ipairs(l) do
    if f(v) then
      result[#result + 1] = v
    end
  end
  return result
end

--- The first item.
function M.car(l)
  return l[1]
end

--- The list without its first item.
function M.cdr(l)
  return { table.unpack(l, 2) }
end

--- The first item of what is left after `n` times `cdr`, that is item n.
function M.ncar(l, n)
  return l[n]
end

--- The list from item `n` on.
function M.ncdr(l, n)
  return { table.unpack(l, n) }
end

--- A new list of two items.
function M.cons(a, b)
  return { a, b }
end

--- A new list: the items of `l`, then the items of `l2` (or `l2` itself when it is no list).
function M.append(l, l2)
  local result = { table.unpack(l) }
  if type(l2) ~= "table" then
    result[#result + 1] = l2
    return result
  end
  for _, v in ipairs(l2) do
    result[#result + 1] = v
  end
  return result
end

--- The items in the opposite order.
function M.reverse(l)
  local result = {}
  for i = #l, 1, -1 do
    result[#result + 1] = l[i]
  end
  return result
end

--- The items of all lists inside `l`, at every depth, as one flat list.
function M.flatten(l)
  local result = {}
  local function add(list)
    for _, v in ipairs(list) do
      if type(v) == "table" then
        add(v)
      else
        result[#result + 1] = v
      end
    end
  end
  add(l)
  return result
end

return M
