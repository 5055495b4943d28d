--- Adds hosts that a script found to what is being scanned.

local ipairs, nmap, select, stdnse = ipairs, require "nmap", select, require "stdnse"
local type = type

local M = {}

--- May scripts add targets? True when the script argument `newtargets` was given.
M.ALLOW_NEW_TARGETS = stdnse.get_script_args "newtargets" and true or false

local max_new_targets = stdnse.get_script_args "max-newtargets"

local function usable(target)
  return type(target) == "string" and #target > 0
end

--- Adds targets (addresses, names, networks, each a string; or an array of such strings).
--
-- `true, number added` when something was added; `false, message` when the user did not allow it
-- (script argument `newtargets`), when the limit `max-newtargets` is reached or when the host takes
-- none of them. Without an argument: `true, number of targets that wait to be scanned`.
function M.add(...)
  if not M.ALLOW_NEW_TARGETS then
    return false, "new targets are not allowed (script argument newtargets)"
  elseif select("#", ...) == 0 then
    return true, nmap.add_targets()
  end
  local limit, added, reason = max_new_targets and max_new_targets + 0, 0, "no usable target given"
  local names = type((...)) == "table" and (...) or { ... }
  for _, name in ipairs(names) do
    if limit and limit > 0 and nmap.new_targets_num() >= limit then
      reason = "the limit of new targets is reached"
      break
    end
    if usable(name) then
      local n, message = nmap.add_targets(name)
      added, reason = added + n, message or reason
    end
  end
  if added == 0 then
    return false, reason
  end
  return true, added
end

return M
