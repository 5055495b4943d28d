--- Readers of the data files: services, protocols, RPC programs, vendors of hardware addresses.
--
-- Each reader returns `true, table` or `false, message`. A file is read once in a run.

local io, ipairs, next, nmap, pairs = io, ipairs, next, require "nmap", pairs
local select, string, tonumber, tostring, type = select, string, tonumber, tostring, type

local M = {}

--- The lines of a file, as an array: `true, lines` or `false, message`.
function M.read_from_file(file)
  if type(file) ~= "string" or file == "" then
    return false, "a file name was expected"
  end
  local f, message = io.open(file, "r")
  if not f then
    return false, message
  end
  local lines = {}
  for line in f:lines() do
    lines[#lines + 1] = line
  end
  f:close()
  return true, lines
end

local function value_of(line, pattern)
  if type(pattern) == "function" then
    return pattern(line)
  end
  return string.match(line, pattern)
end

--- The values that `v_pattern` (a Lua pattern with a capture, or a function of the line) finds in
-- the lines.
function M.get_array(lines, v_pattern)
  local result = {}
  for _, line in ipairs(lines) do
    local value = value_of(line, v_pattern)
    if value then
      result[#result + 1] = value
    end
  end
  return result
end

--- A table of what `i_pattern` and `v_pattern` find: index -> value. A function for the index may
-- return the value as its second result. Of equal indices the first line counts.
function M.get_assoc_array(lines, i_pattern, v_pattern)
  local result = {}
  for _, line in ipairs(lines) do
    local index = value_of(line, i_pattern)
    local value = index ~= nil and value_of(line, v_pattern)
    if index ~= nil and value and result[index] == nil then
      result[index] = value
    end
  end
  return result
end

-- A description of a result: { "array", pattern } stands for `pattern`, a table index -> value for
-- a map.
local function parse_one(lines, description)
  if type(description) == "string" or type(description) == "function" then
    return M.get_array(lines, description)
  elseif type(description) ~= "table" then
    return nil
  end
  local index, value
  for k, v in pairs(description) do
    index, value = k, v
  end
  if type(value) == "table" then
    return { [index] = parse_one(lines, value) }
  elseif type(index) == "number" then
    return M.get_array(lines, value)
  end
  return M.get_assoc_array(lines, index, value)
end

--- Reads `lines` as `data_struct` says: {} gives an array of the lines that are no comments,
-- { pattern } an array of what it finds, { [index pattern] = value pattern } a map; with several
-- patterns, or with names, a table of such results.
function M.parse_lines(lines, data_struct)
  if type(lines) ~= "table" or #lines == 0 then
    return false, "there are no lines"
  elseif type(data_struct) ~= "table" then
    return false, "a description of the data was expected"
  end
  if next(data_struct) == nil then
    return true, M.get_array(lines, "^%s*([^#%s].-)%s*$")
  elseif #data_struct == 1 and type(data_struct[1]) ~= "table" then
    return true, M.get_array(lines, data_struct[1])
  end
  local result = {}
  for k, description in pairs(data_struct) do
    if type(k) == "number" then
      result[k] = parse_one(lines, description)
    elseif type(description) == "table" then
      result[k] = parse_one(lines, description)
    else
      for index, value in pairs(M.get_assoc_array(lines, k, description)) do
        result[index] = value
      end
    end
  end
  return true, result
end

-- Our own files -----------------------------------------------------------------------------------

local function service_maps(protocol)
  local function entry(line)
    local name, port = string.match(line, "^([^#%s]+)%s+(%d+)/" .. protocol)
    return name, tonumber(port)
  end
  return function(line)
    return (select(2, entry(line)))
  end, function(line)
    return (entry(line))
  end
end

local function number_then_name(pattern_name, pattern_number)
  return function(line)
    return tonumber(string.match(line, pattern_number) or "")
  end, function(line)
    return string.match(line, pattern_name)
  end
end

local files = {
  ["nmap-services"] = { "nmap-services", "nselib/data/services" },
  ["nmap-protocols"] = { "nmap-protocols", "nselib/data/protocols" },
  ["nmap-rpc"] = { "nmap-rpc", "nselib/data/rpc" },
  ["nmap-mac-prefixes"] = { "nmap-mac-prefixes", "nselib/data/mac-prefixes" },
}

local function fetch(name)
  for _, candidate in ipairs(files[name] or { name }) do
    local path = nmap.fetchfile(candidate)
    if path then
      return path
    end
  end
end

local readers = {
  ["nmap-services"] = function(lines)
    local result = {}
    for _, protocol in ipairs({ "tcp", "udp", "sctp" }) do
      local index, value = service_maps(protocol)
      result[protocol] = M.get_assoc_array(lines, index, value)
    end
    return result
  end,
  ["nmap-protocols"] = function(lines)
    return M.get_assoc_array(lines, number_then_name("^([^#%s]+)%s+%d+", "^[^#%s]+%s+(%d+)"))
  end,
  ["nmap-rpc"] = function(lines)
    return M.get_assoc_array(lines, number_then_name("^([^#%s]+)%s+%d+", "^[^#%s]+%s+(%d+)"))
  end,
  ["nmap-mac-prefixes"] = function(lines)
    return M.get_assoc_array(lines, function(line)
      local prefix = string.match(line, "^(%x%x%x%x%x%x+)%s")
      return prefix and string.upper(prefix)
    end, "^%x+%s+(.+)")
  end,
}

--- Reads a data file. With the name of one of the files above its own reader is used; else the next
-- argument describes the data as in `parse_lines`. A name without a slash is looked for among the
-- data files.
function M.parse_file(filename, ...)
  if type(filename) ~= "string" then
    return false, "a file name was expected"
  end
  local short = string.match(filename, "([^/]+)$")
  local path = string.find(filename, "^/") and filename or fetch(filename) or filename
  local status, lines = M.read_from_file(path)
  if not status then
    return false, lines
  end
  local description = ...
  if readers[short] and type(description) ~= "table" then
    return true, readers[short](lines)
  end
  return M.parse_lines(lines, description)
end

local cache = {}
local function cached(name)
  if not cache[name] then
    local status, result = M.parse_file(name)
    if not status then
      return false, result
    end
    cache[name] = result
  end
  return true, cache[name]
end

--- `true, { [number] = name }` of the IP protocols.
function M.parse_protocols()
  return cached("nmap-protocols")
end

--- `true, { [number] = name }` of the RPC programs.
function M.parse_rpc()
  return cached("nmap-rpc")
end

--- `true, { tcp = { [port] = name }, udp = ... }`; with `protocol` that part alone.
function M.parse_services(protocol)
  local status, result = cached("nmap-services")
  if status and protocol then
    if not result[protocol] then
      return false, "services are kept for tcp, udp and sctp, not for " .. tostring(protocol)
    end
    return true, result[protocol]
  end
  return status, result
end

--- `true, { [prefix] = vendor }`; a prefix is 6, 7 or 9 upper-case hex digits.
function M.parse_mac_prefixes()
  return cached("nmap-mac-prefixes")
end

return M
