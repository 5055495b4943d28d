--- Credentials that were found or given, kept for all scripts of a run in `nmap.registry.creds`.
--
-- A kept entry: { user =, pass =, state =, tags = {script names}, host =, port = number, service =
-- }. The script argument `creds.<service>` or `creds.global`, "user:password" (or an array of
-- such), gives credentials with the state PARAM.

local ipairs, io, nmap = ipairs, io, require "nmap"
local setmetatable, stdnse, string, table = setmetatable, require "stdnse", string, table
local type = type

local M = {}

--- What is known of an account; bits.
M.State = {
  LOCKED = 1, VALID = 2, DISABLED = 4, CHANGEPW = 8, PARAM = 16, EXPIRED = 32, TIME_RESTRICTED = 64,
  HOST_RESTRICTED = 128, LOCKED_VALID = 256, DISABLED_VALID = 512, HASHED = 1024,
}

--- The sentences for them (they are compared by programs that read reports).
M.StateMsg = {
  [M.State.LOCKED] = "Account is locked",
  [M.State.VALID] = "Valid credentials",
  [M.State.DISABLED] = "Account is disabled",
  [M.State.CHANGEPW] = "Valid credentials, password must be changed at next logon",
  [M.State.PARAM] = "Credentials passed to script during Nmap execution",
  [M.State.EXPIRED] = "Valid credentials, account expired",
  [M.State.TIME_RESTRICTED] = "Valid credentials, account cannot log in at current time",
  [M.State.HOST_RESTRICTED] = "Valid credentials, account cannot log in from current host",
  [M.State.LOCKED_VALID] = "Valid credentials, account locked",
  [M.State.DISABLED_VALID] = "Valid credentials, account disabled",
  [M.State.HASHED] = "Hashed valid or invalid credentials",
}

--- Stands for the credentials of all scripts in `Credentials:new`.
M.ALL_DATA = {}

--- One user name, password and state. `tostring` gives "user:password - sentence".
M.Account = {}

function M.Account:new(username, password, state)
  self.__index = self
  local o = { username = username, password = password, state = M.StateMsg[state] or state }
  return setmetatable(o, self)
end

function M.Account:__tostring()
  local password = self.password
  if password == "" or not password and self.username then
    password = "<empty>"
  end
  local text = self.username and self.username .. ":" .. password or password or ""
  return self.state and text .. " - " .. self.state or text
end
function M.Account.__lt(a, b)
  return (a.username or "") < (b.username or "")
end

--- The store itself.
M.RegStorage = {}

function M.RegStorage:new()
  self.__index = self
  nmap.registry.creds = nmap.registry.creds or {}
  return setmetatable({ filter = {} }, self)
end

--- Keeps credentials.
function M.RegStorage:add(tags, host, port, service, user, pass, state)
  table.insert(nmap.registry.creds, {
    tags = type(tags) == "string" and { tags } or tags,
    host = host, port = port, service = service, user = user, pass = pass, state = state,
  })
end

--- Restricts `getAll` to a host, a port number, state bits; nil means any.
function M.RegStorage:setFilter(host, port, state)
  self.filter = { host = host, port = port, state = state }
end

local function same_host(a, b)
  return a == b or type(a) == "table" and type(b) == "table" and a.ip == b.ip
end

--- An iterator over the entries that the filter lets through.
function M.RegStorage:getAll()
  local filter, all, at = self.filter, nmap.registry.creds, 0
  return function()
    while at < #all do
      at = at + 1
      local e = all[at]
      if (not filter.host or same_host(filter.host, e.host))
        and (not filter.port or filter.port == e.port)
        and (not filter.state or filter.state & e.state ~= 0) then
        return e
      end
    end
  end
end

--- The credentials of one script, or of all (`ALL_DATA`), for a host and port (nil: any).
M.Credentials = {}

function M.Credentials:new(tags, host, port)
  self.__index = self
  local o = {
    tags = type(tags) == "string" and { tags } or tags,
    host = host,
    port = type(port) == "table" and port.number or port,
    service = type(port) == "table" and port.service or nil,
    storage = M.RegStorage:new(),
  }
  return setmetatable(o, self)
end

--- Keeps credentials that were found.
function M.Credentials:add(user, pass, state)
  self.storage:add(self.tags, self.host, self.port, self.service, user, pass, state)
end

local function has_tag(entry, tags)
  for _, tag in ipairs(tags) do
    for _, other in ipairs(entry.tags or {}) do
      if tag == other then
        return true
      end
    end
  end
  return false
end

-- Credentials from the script arguments, as entries.
local function given(self)
  local result = {}
  for _, name in ipairs({ self.service or "", "global" }) do
    local value = name ~= "" and stdnse.get_script_args("creds." .. name)
    for _, pair in ipairs(type(value) == "table" and value or { value or nil }) do
      local user, pass = string.match(pair, "^([^:]*):?(.*)$")
      result[#result + 1] = {
        user = user, pass = pass, state = M.State.PARAM, host = self.host, port = self.port,
        service = self.service,
      }
    end
  end
  return result
end

--- An iterator over entries whose state has one of the bits of `state` (nil: all).
function M.Credentials:getCredentials(state)
  local found = (not state or state & M.State.PARAM ~= 0) and given(self) or {}
  self.storage:setFilter(self.host, self.port, state)
  for entry in self.storage:getAll() do
    if self.tags == M.ALL_DATA or has_tag(entry, self.tags) then
      found[#found + 1] = entry
    end
  end
  local at = 0
  return function()
    at = at + 1
    return found[at]
  end
end

--- What a script returns: an array of accounts (sorted by state and name), or nil.
function M.Credentials:getTable()
  local accounts = {}
  for entry in self:getCredentials() do
    accounts[#accounts + 1] = M.Account:new(entry.user, entry.pass, entry.state)
  end
  table.sort(accounts, function(a, b)
    if a.state ~= b.state then
      return (a.state or "") < (b.state or "")
    end
    return a < b
  end)
  return #accounts > 0 and accounts or nil
end

function M.Credentials:__tostring()
  local lines = {}
  for _, account in ipairs(self:getTable() or {}) do
    lines[#lines + 1] = "  " .. M.Account.__tostring(account)
  end
  return #lines > 0 and "\n" .. table.concat(lines, "\n") or ""
end

--- Writes the credentials to a file: format "csv" (header line, one line each) or "text".
-- True, or false and a message.
function M.Credentials:saveToFile(filename, fileformat)
  local f, message = io.open(filename, "w")
  if not f then
    return false, message
  end
  if fileformat == "csv" then
    f:write("host,port,service,user,password,state\n")
  end
  for entry in self:getCredentials() do
    local host = type(entry.host) == "table" and entry.host.ip or entry.host or ""
    local fields = { host, entry.port or "", entry.service or "", entry.user or "", entry.pass
      or "",
      M.StateMsg[entry.state] or "" }
    if fileformat == "csv" then
      for i, field in ipairs(fields) do
        fields[i] = '"' .. string.gsub(field, '"', '""') .. '"'
      end
    end
    f:write(table.concat(fields, fileformat == "csv" and "," or "\t"), "\n")
  end
  f:close()
  return true
end

return M
