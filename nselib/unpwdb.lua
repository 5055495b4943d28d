--- User names and passwords to try, for scripts that were granted to try them.
--
-- The lists are those of the script arguments `userdb` and `passdb`, else our own short ones
-- (nselib/data/usernames, passwords). An iterator is a function that gives the next item; called
-- with "reset" it begins anew.

local io, math, nmap, stdnse = io, math, require "nmap", require "stdnse"
local stringaux = require "stringaux"
local string, tonumber = string, tonumber

local M = {}

local function read_list(argument, file)
  local path = stdnse.get_script_args(argument)
  path = path and (nmap.fetchfile(path) or path) or nmap.fetchfile("nselib/data/" .. file)
  local f = path and io.open(path, "r")
  if not f then
    return nil, "no list " .. (path or file)
  end
  local list = {}
  for line in f:lines() do
    line = stringaux.trim_end(line)
    if not string.find(line, "^#!comment:") then
      list[#list + 1] = line
    end
  end
  f:close()
  return list
end

--- An iterator over an array.
function M.table_iterator(list)
  local at = 0
  return function(command)
    if command == "reset" then
      at = 0
      return nil
    end
    at = at + 1
    return list[at]
  end
end

--- An iterator that stops after a time (seconds) or a number of items.
function M.limited_iterator(iterator, time_limit, count_limit)
  local started, count = nmap.clock_ms(), 0
  time_limit = time_limit and time_limit > 0 and time_limit * 1000 or nil
  count_limit = count_limit and count_limit > 0 and count_limit or nil
  return function(command)
    if command == "reset" then
      count = 0
      return iterator("reset")
    elseif count_limit and count >= count_limit or time_limit
      and nmap.clock_ms() - started > time_limit then
      return nil
    end
    count = count + 1
    return iterator()
  end
end

--- An iterator over the items for which `filter(item)` is true.
function M.filter_iterator(iterator, filter)
  return function(command)
    if command == "reset" then
      return iterator("reset")
    end
    local item
    repeat
      item = iterator()
    until item == nil or filter(item)
    return item
  end
end

--- An iterator over the items of both, one after the other.
function M.concat_iterators(iter1, iter2)
  local current = iter1
  return function(command)
    if command == "reset" then
      iter1("reset")
      iter2("reset")
      current = iter1
      return nil
    end
    local item = current()
    if item == nil and current == iter1 then
      current = iter2
      item = current()
    end
    return item
  end
end

--- Seconds that trying may take: script argument `unpwdb.timelimit` (0: no limit), else by the
-- timing level (-T).
function M.timelimit()
  local given = stdnse.get_script_args("unpwdb.timelimit", "notimelimit")
  if given then
    return tonumber((stdnse.parse_timespec(given))) or 0
  end
  local level = nmap.timing_level()
  return level <= 3 and 600 or level == 4 and 300 or 180
end

local function iterator_of(argument, file, time_limit, count_limit)
  local list, reason = read_list(argument, file)
  if not list then
    return false, reason
  end
  local limit = time_limit or M.timelimit()
  return true, M.limited_iterator(M.table_iterator(list), math.floor(limit), count_limit)
end

--- `true, iterator` over the user names, the passwords; `false, reason` when there is no list.
function M.usernames(time_limit, count_limit)
  local given = tonumber(stdnse.get_script_args("unpwdb.userlimit") or "")
  return iterator_of("userdb", "usernames", time_limit, count_limit or given)
end
function M.passwords(time_limit, count_limit)
  local given = tonumber(stdnse.get_script_args("unpwdb.passlimit") or "")
  return iterator_of("passdb", "passwords", time_limit, count_limit or given)
end

return M
