--- What nearly every script leans on: arguments, logging, output, small conversions.
--
-- Functions marked "host" are put in by the program that runs the scripts, over the ones here; the
-- ones here do nothing, so that libraries may call them while they are loaded.
--
-- Source: the script API as observed (contract of the host, sections 5 and 20), nothing else.

local error, getmetatable, ipairs = error, getmetatable, ipairs
local math, nmap, package, pairs = math, require "nmap", package, pairs
local require, select, setmetatable = require, select, setmetatable
local string, table, tonumber, tostring, type = string, table, tonumber, tostring, type
local _G = _G


local M = {}

local function nothing()
end

--- Host: the base coroutine of the running thread (a worker's own for a worker).
M.base = nothing
--- Host: a string that identifies the script's thread.
M.gettid = nothing
--- Host: the id of the running script.
M.getid = nothing
--- Host: `"<id> M:<address>"` for a script's thread, `"<id> W:<address>"` for a worker.
M.getinfo = nothing
--- Host: the host and port tables of the running thread (nil when it has none).
M.gethostport = nothing
--- Host: is the running thread a worker?
M.isworker = nothing

--- Host: runs `f(...)` as a worker of this script. Returns its coroutine and a function that gives
-- the coroutine's status and, when it ended by an error, the error value.
function M.new_thread()
  error("stdnse.new_thread: no script is running", 2)
end

--- `require(name)`; in a host a library that is not there makes the host leave the script out in
-- silence.
function M.silent_require(...)
  return require(...)
end

--- Waits `seconds` (fractions count to the millisecond) while others run. Throws when negative.
M.sleep = nmap.socket and nmap.socket.sleep or nothing

--- Milliseconds since 1970 (a float without fraction).
function M.clock_ms()
  return nmap.clock_ms()
end

--- Microseconds since 1970.
function M.clock_us()
  return nmap.clock() * 1000000 // 1
end

-- Logging -----------------------------------------------------------------------------------------

local function log_prefix()
  local id = nmap.debugging() >= 2 and M.getinfo() or M.getid()
  if not id then
    return ""
  end
  local host, port = M.gethostport()
  if not host then
    return "[" .. id .. "] "
  elseif not port then
    return "[" .. id .. " " .. host.ip .. "] "
  end
  return "[" .. id .. " " .. host.ip .. ":" .. port.number .. "] "
end

local function formatted(format, ...)
  if select("#", ...) == 0 and not string.find(tostring(format), "%%") then
    return tostring(format)
  end
  return string.format(format, ...)
end

local function log_at(current, level, ...)
  if current() >= level then
    nmap.log_write("stdout", log_prefix() .. formatted(...))
  end
end

-- (level, format, ...) or (format, ...), which means level 1
local function log_any(current, level, ...)
  if type(level) == "number" then
    return log_at(current, level, ...)
  end
  return log_at(current, 1, level, ...)
end

local function plain_log(current, level, ...)
  local arguments = { level, ... }
  local wanted = 1
  if type(level) == "number" then
    wanted = table.remove(arguments, 1)
  end
  if current() >= wanted then
    nmap.log_write("stdout", formatted(table.unpack(arguments, 1, select("#", ...) + 1)))
  end
end

--- `debug([level,] format, ...)` logs when the debugging level is at least `level` (1). `debug1` to
-- `debug5` have the level in their name. `verbose...` do the same by verbosity.
function M.debug(...)
  return log_any(nmap.debugging, ...)
end
function M.verbose(...)
  return log_any(nmap.verbosity, ...)
end
for level = 1, 5 do
  M["debug" .. level] = function(...)
    return log_at(nmap.debugging, level, ...)
  end
  M["verbose" .. level] = function(...)
    return log_at(nmap.verbosity, level, ...)
  end
end
--- The older forms: the same without the prefix that names the script.
function M.print_debug(...)
  return plain_log(nmap.debugging, ...)
end
function M.print_verbose(...)
  return plain_log(nmap.verbosity, ...)
end

-- Script arguments --------------------------------------------------------------------------------

local function argument(args, name)
  if args[name] ~= nil then
    return args[name]
  end
  for _, flag in ipairs(args) do
    if flag == name then
      return 1
    end
  end
end

local function one_argument(args, names)
  if names == nil then
    return nil
  elseif type(names) == "string" then
    names = { names }
  elseif type(names) ~= "table" then
    error("names of script arguments are strings or arrays of strings", 3)
  end
  for _, name in ipairs(names) do
    local value = argument(args, name)
    if value == nil then
      local short = string.match(name, "%.([^.]+)$")
      value = short and argument(args, short)
    end
    if value ~= nil then
      return value
    end
  end
end

--- The values of script arguments, one result for each name. A name given as an array is a list of
-- alternatives of which the first that is set counts. For `script.name` the full name is asked
-- first, then `name` alone. A name that was given without a value yields 1; one that was not given
-- yields nil.
function M.get_script_args(...)
  local args = nmap.registry.args or {}
  local values, n = {}, select("#", ...)
  for i = 1, n do
    values[i] = one_argument(args, (select(i, ...)))
  end
  return table.unpack(values, 1, n)
end

-- Output ------------------------------------------------------------------------------------------

--- A table that remembers the order in which its keys were first set. `pairs` follows that order;
-- assigning to a key that is there keeps its place; assigning nil removes the key. `#t` is the
-- number of keys, `t()` tells whether there are any, `next(t)` sees nothing.
function M.output_table()
  local order, values = {}, {}

  local function remove(key)
    for i, k in ipairs(order) do
      if k == key then
        table.remove(order, i)
        return
      end
    end
  end

  local function newindex(_, key, value)
    if value == nil then
      if values[key] ~= nil then
        remove(key)
      end
    elseif values[key] == nil then
      order[#order + 1] = key
    end
    values[key] = value
  end

  local function iterate()
    local i = 0
    return function()
      i = i + 1
      if order[i] ~= nil then
        return order[i], values[order[i]]
      end
    end
  end

  return setmetatable({}, {
    __index = values,
    __newindex = newindex,
    __pairs = iterate,
    __len = function()
      return #order
    end,
    __call = function()
      return #order > 0
    end,
  })
end

local function indent_by(depth)
  return string.rep("  ", depth)
end

local add_items

-- A nested list: nothing at all when it has no items.
local function add_list(lines, data, depth, prefix)
  if #data == 0 then
    return
  end
  local heading = data.name
  if data.warning and nmap.debugging() > 0 then
    heading = (heading and heading .. " " or "") .. "(WARNING: " .. data.warning .. ")"
  end
  if heading then
    lines[#lines + 1] = indent_by(depth) .. prefix .. heading
  end
  add_items(lines, data, depth + 1, prefix)
end

-- What stands before the last carriage return of a line is overwritten, as on a terminal.
local function add_text(lines, text, depth, prefix)
  for line in string.gmatch(string.gsub(text, "(.)\n$", "%1") .. "\n", "([^\n]*)\n") do
    lines[#lines + 1] = indent_by(depth) .. prefix .. string.gsub(line, "^.*\r", "")
  end
end

function add_items(lines, data, depth, prefix)
  for _, value in ipairs(data) do
    if type(value) == "table" then
      add_list(lines, value, depth, prefix)
    elseif type(value) == "string" then
      add_text(lines, value, depth, prefix)
    end
  end
end

--- Text of nested lists, the way scripts wrote it before there was structured output.
--
-- `data` is a string or an array of strings and of tables of the same shape; `data.name` is a
-- heading over the items, which stand two blanks deeper; `data.warning` is shown only when
-- debugging. With `status` false the text is shown only when debugging, each line behind `ERROR: `.
-- Nil when there are no items. The text starts with a newline and ends with one. Throws when `data`
-- is no string and no table.
function M.format_output(status, data)
  if not status and nmap.debugging() < 1 or data == "" then
    return nil
  end
  if type(data) == "string" then
    data = { data }
  elseif type(data) ~= "table" then
    error("format_output: a table or a string was expected, got " .. type(data), 2)
  end
  local lines = {}
  add_list(lines, data, 0, status and "" or "ERROR: ")
  if #lines == 0 then
    return nil
  end
  return "\n" .. table.concat(lines, "\n") .. "\n"
end

--- `s`, or `blank` ("<blank>" when nil) when `s` is nil or empty.
function M.string_or_blank(s, blank)
  if s == nil or s == "" then
    return blank or "<blank>"
  end
  return tostring(s)
end

--- Prints a table with all that is in it through `printer` (debug level 1 when nil), a line a key.
function M.pretty_printer(t, printer)
  printer = printer or M.debug1
  local seen = {}
  local function show(value, depth, key)
    local head = indent_by(depth) .. (key == nil and "" or "[" .. tostring(key) .. "] = ")
    if type(value) ~= "table" or seen[value] then
      return printer("%s%s", head, tostring(value))
    end
    seen[value] = true
    printer("%s{", head)
    for k, v in pairs(value) do
      show(v, depth + 1, k)
    end
    printer("%s}", indent_by(depth))
  end
  show(t, 0)
end

-- Conversions -------------------------------------------------------------------------------------

local function grouped(text, separator, group)
  local parts, last = {}, #text
  while last > 0 do
    table.insert(parts, 1, string.sub(text, math.max(1, last - group + 1), last))
    last = last - group
  end
  return table.concat(parts, separator)
end

--- The bytes of a string, or an integer, in lower-case hex. `options.separator` is put between
-- groups of `options.group` digits (2), counted from the right.
function M.tohex(value, options)
  options = options or {}
  local text
  if type(value) == "string" then
    text = string.gsub(value, ".", function(c)
      return string.format("%02x", string.byte(c))
    end)
  elseif type(value) == "number" then
    text = string.format("%x", value)
  else
    error("tohex: a string or a number was expected, got " .. type(value), 2)
  end
  if options.separator then
    text = grouped(text, options.separator, options.group or 2)
  end
  return text
end

--- The bytes that a hex text stands for; blanks are ignored. nil, message for anything else.
function M.fromhex(text)
  local digits = string.gsub(text, "%s+", "")
  if string.find(digits, "%X") then
    return nil, "Invalid hexadecimal digits at position " .. string.find(digits, "%X")
  elseif #digits % 2 == 1 then
    return nil, "Odd number of hexadecimal digits"
  end
  return (string.gsub(digits, "..", function(pair)
    return string.char(tonumber(pair, 16))
  end))
end

--- An integer in binary, with leading zeros up to a multiple of four digits.
function M.tobinary(n)
  return (string.gsub(string.format("%x", n), ".", function(digit)
    local bits = tonumber(digit, 16)
    return string.format("%d%d%d%d", bits >> 3, bits >> 2 & 1, bits >> 1 & 1, bits & 1)
  end))
end

--- An integer in octal.
function M.tooctal(n)
  return string.format("%o", n)
end

--- The text form `aa:bb:cc:dd:ee:ff` of a binary hardware address.
function M.format_mac(mac)
  return M.tohex(mac, { separator = ":" })
end

local second_units = { [""] = 1, s = 1, ms = 0.001, m = 60, h = 3600 }

--- Seconds of a time such as `30`, `5s`, `100ms`, `2.5m`, `1h`. nil, message for anything else.
function M.parse_timespec(text)
  if text == nil then
    return nil, "a time is missing"
  end
  local number, unit = string.match(text, "^(%d*%.?%d*)(.*)$")
  local value = tonumber(number)
  if not value then
    return nil, string.format("Can't parse time specification \"%s\"", text)
  end
  local factor = second_units[unit]
  if not factor then
    return nil, string.format("Can't parse time specification \"%s\" (bad unit \"%s\")", text, unit)
  end
  return value * factor
end

-- Hosts -------------------------------------------------------------------------------------------

--- The best name of a host: what the user typed, else its reverse name, else its address.
function M.get_hostname(host)
  if type(host) ~= "table" then
    return host
  elseif host.targetname and host.targetname ~= "" then
    return host.targetname
  elseif host.name and host.name ~= "" then
    return host.name
  end
  return host.ip
end

--- A time to wait for this host, in milliseconds: its measured timeout scaled so that one of a
-- second becomes (`max` + 6000) / 7, kept between `min` (1000) and `max` (8000). `max` when nothing
-- was measured.
function M.get_timeout(host, max, min)
  max, min = max or 8000, min or 1000
  local times = type(host) == "table" and host.times
  if not (times and times.timeout) then
    return max
  end
  return math.max(min, math.min(max, times.timeout * (max + 6000) / 7))
end

--- A function that gives the next piece of what comes from `socket`, cut at the Lua pattern
-- `separator` (which is left out). At the end it gives what is left, then nil and the reason.
-- `data`: text read before.
function M.make_buffer(socket, separator, data)
  local buffer, status, failure = data or "", true, nil
  local from = 1
  return function()
    while true do
      local first, last = string.find(buffer, separator, from)
      if first and last >= first then
        local piece = string.sub(buffer, from, first - 1)
        from = last + 1
        return piece
      end
      if not status then
        break
      end
      local more
      buffer, from = string.sub(buffer, from), 1
      status, more = socket:receive()
      if status then
        buffer = buffer .. more
      else
        failure = more
      end
    end
    if from <= #buffer then
      local rest = string.sub(buffer, from)
      buffer, from = "", 1
      return rest
    end
    return nil, failure
  end
end

local function wanted_interfaces()
  local given = M.get_script_args("interfaces") or nmap.get_interface()
  if type(given) == "string" then
    given = { given }
  end
  return given
end

--- The interfaces a script may use: those of the argument `interfaces`, else the one the user
-- chose, else every one for which `filter(interface)` is true. An array of interface tables.
function M.get_script_interfaces(filter)
  local wanted, result = wanted_interfaces(), {}
  for _, interface in ipairs(nmap.list_interfaces() or {}) do
    local chosen = not wanted
    for _, name in ipairs(wanted or {}) do
      chosen = chosen or interface.device == name or interface.shortname == name
    end
    if chosen and (wanted or not filter or filter(interface)) then
      result[#result + 1] = interface
    end
  end
  return result
end

-- Registry ----------------------------------------------------------------------------------------

-- The table at the path `keys` of the registry; makes what is missing when `create`.
local function registry_at(keys, create)
  local node = nmap.registry
  for _, key in ipairs(keys) do
    if type(node) ~= "table" then
      return nil
    end
    if node[key] == nil then
      if not create then
        return nil
      end
      node[key] = {}
    end
    node = node[key]
  end
  return node
end

--- What stands in the registry under the path `keys` (an array), or nil.
function M.registry_get(keys)
  return registry_at(keys, false)
end

--- Is there anything in the registry under the path `keys`? With `value`: does that table hold it?
function M.registry_exists(keys, value)
  local node = registry_at(keys, false)
  if value == nil then
    return node ~= nil
  end
  for _, v in pairs(type(node) == "table" and node or {}) do
    if v == value then
      return true
    end
  end
  return false
end

--- Appends `value` to the array under the path `keys`; one that is there already only with
-- `allow_duplicates`.
function M.registry_add_array(keys, value, allow_duplicates)
  if allow_duplicates or not M.registry_exists(keys, value) then
    table.insert(registry_at(keys, true), value)
  end
end

--- Sets `key` to `value` in the table under the path `keys`.
function M.registry_add_table(keys, key, value)
  registry_at(keys, true)[key] = value
end

-- Modules -----------------------------------------------------------------------------------------

--- Lets an environment see the standard globals. For `stdnse.module(name, stdnse.seeall)`.
function M.seeall(env)
  local mt = getmetatable(env) or {}
  mt.__index = _G
  return setmetatable(env, mt)
end

--- The environment of a library: `local _ENV = stdnse.module(name, stdnse.seeall)`. Each further
-- argument is a function that is called with the environment. A library may make new variables of its
-- own at any time, also inside functions; with `seeall`, reading what nobody declared is an error, as
-- it is for every global.
function M.module(name, ...)
  local env = { _NAME = name }
  env._M = env
  env._PACKAGE = string.match(name, "^(.+)%.[^.]+$")
  for i = 1, select("#", ...) do
    (select(i, ...))(env)
  end
  package.loaded[name] = env
  return env
end

return M
