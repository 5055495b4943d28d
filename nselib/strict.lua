--- Catches misspelt globals.
--
-- `require "strict"` gives a function: `strict(env)` puts checks on the table `env` and returns it.
-- From then on
--
-- * reading a name that was never assigned throws `variable 'NAME' is not declared`;
-- * assigning a new name from inside a Lua function throws `assign to undeclared variable 'NAME'`.
--
-- Assignments by a main chunk or by C declare the name, reads by C are allowed, and
-- `rawget`/`rawset` go round the checks. `__index`/`__newindex` that the table had before are asked
-- first, so a table that inherits keeps what it inherits.
--
-- Source: the manual of Lua 5.4, sections 2.4 and 4.7 (`getinfo`, field `what`).

local debug, error, getmetatable = debug, error, getmetatable
local rawget, rawset, setmetatable = rawget, rawset, setmetatable
local tostring, type = tostring, type

-- Who touches the table: "main", "Lua" or "C". Level 3 is the code that ran the access.
local function accessor()
  local info = debug.getinfo(3, "S")
  return info and info.what or "C"
end

-- The `__index` that each checked table had before, so that a table which inherits from another
-- checked one can look into it without being stopped there.
local before = setmetatable({}, { __mode = "k" })

local function inherited(old, t, name)
  if type(old) == "function" then
    return old(t, name)
  elseif old == nil then
    return nil
  elseif before[old] == nil then
    return old[name]
  end
  local value = rawget(old, name)
  if value == nil then
    return inherited(before[old].__index, old, name)
  end
  return value
end

return function(env)
  local mt = getmetatable(env) or {}
  local old_index, old_newindex = mt.__index, mt.__newindex
  local declared = {}

  function mt.__index(t, name)
    local value = inherited(old_index, t, name)
    if value == nil and not declared[name] and accessor() ~= "C" then
      error(("variable '%s' is not declared"):format(tostring(name)), 2)
    end
    return value
  end

  function mt.__newindex(t, name, value)
    if not declared[name] then
      if accessor() == "Lua" then
        error(("assign to undeclared variable '%s'"):format(tostring(name)), 2)
      end
      declared[name] = true
    end
    if type(old_newindex) == "function" then
      old_newindex(t, name, value)
    elseif old_newindex ~= nil then
      old_newindex[name] = value
    else
      rawset(t, name, value)
    end
  end

  before[env] = { __index = old_index }
  return setmetatable(env, mt)
end
