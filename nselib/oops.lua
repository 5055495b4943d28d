--- Errors that tell the whole way they came.
--
--     local status, err = oops.raise("Could not log in", session:login())
--     return oops.output(status, err)
--
-- An error is a value whose text (`tostring`) is its message; when the debugging level is 1 or
-- more, the errors that caused it stand below.

local getmetatable, ipairs, nmap = getmetatable, ipairs, require "nmap"
local setmetatable, table = setmetatable, table
local tostring, type = tostring, type

local M = {}
local mt = {}

local function is_error(value)
  return type(value) == "table" and getmetatable(value) == mt
end

function mt:__tostring()
  if nmap.debugging() < 1 then
    return "The script encountered an error: " .. tostring(self[1])
  end
  local lines = { "The script encountered an error:" }
  for i, message in ipairs(self) do
    lines[#lines + 1] = "- " .. tostring(message) .. (i < #self and ":" or "")
  end
  return table.concat(lines, "\n")
end

mt.__concat = function(a, b)
  return tostring(a) .. tostring(b)
end

--- A new error: `message`, caused by `previous` (an error of this kind, any value, or nil). An
-- array, the newest message first.
function M.err(message, previous)
  local e = setmetatable({ message }, mt)
  if is_error(previous) then
    table.move(previous, 1, #previous, 2, e)
  elseif previous ~= nil then
    e[2] = previous
  end
  return e
end

--- Passes on `status, ...` when `status` is true; else `status, error` with `message` put over the
-- error that came with it.
function M.raise(message, status, previous, ...)
  if status then
    return status, previous, ...
  end
  return status, M.err(message, previous)
end

--- What a script should return: `message`, which of a failure is made an error if it is none.
function M.output(status, message)
  if status or is_error(message) then
    return message
  end
  return M.err(message)
end

return M
