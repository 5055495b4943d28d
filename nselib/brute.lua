--- The engine of scripts that try accounts, for networks whose owners granted it.
--
-- A script brings a driver, a class with `new(self, host, port, options)`, `connect(self)`,
-- `login(self, user, password)` and `disconnect(self)`. `login` returns true and a `creds.Account`,
-- or false and a `brute.Error` that says what to do next.
--
--     local engine = brute.Engine:new(Driver, host, port)
--     engine.options.script_name = SCRIPT_NAME
--     local status, result = engine:start()
--     return result
--
-- Script arguments: brute.firstonly, brute.threads (5), brute.mode (user, pass, creds),
-- brute.credfile, brute.emptypass, brute.useraspass, brute.unique, brute.retries (2), brute.delay,
-- brute.guesses (per account), brute.start.

local coroutine, creds, io, ipairs = coroutine, require "creds", io, ipairs
local math, nmap, pairs, pcall, setmetatable = math, require "nmap", pairs, pcall, setmetatable
local stdnse, string, table = require "stdnse", string, table
local tonumber, tostring, type, unpwdb = tonumber, tostring, type, require "unpwdb"

local M = {}

-- unpwdb's answer without its status.
local function iterator(ok, list)
  return ok and list or nil
end

--- The usual list of users as an iterator for setUsernameIterator, at most so many seconds and so
-- many names long; nil when there is none.
function M.usernames_iterator(seconds, count)
  return iterator(unpwdb.usernames(seconds, count))
end

--- The usual list of passwords, likewise.
function M.passwords_iterator(seconds, count)
  return iterator(unpwdb.passwords(seconds, count))
end

--- A socket for drivers.
function M.new_socket(protocol)
  return nmap.new_socket(protocol)
end

-- Errors ------------------------------------------------------------------------------------------

--- Why a login did not succeed. Without any mark: wrong credentials.
M.Error = { retry = false }
M.Error.__index = M.Error

function M.Error:new(msg)
  return setmetatable({ msg = msg, done = false }, self)
end
function M.Error:getMessage()
  return self.msg
end
M.Error.__tostring = M.Error.getMessage

-- A mark that can be set and asked for: try again, give up all, this thread is done, fewer threads,
-- no such account.
for name, field in pairs({ Retry = "retry", Abort = "abort", Done = "done", Reduce = "reduce" }) do
  M.Error["set" .. name] = function(self, value)
    self[field] = value
  end
  M.Error["is" .. name] = function(self)
    return self[field]
  end
end
function M.Error:setInvalidAccount(username)
  self.invalid_account = username
end
function M.Error:isInvalidAccount()
  return self.invalid_account
end

-- Options -----------------------------------------------------------------------------------------

--- What may be set, by the script or by arguments.
M.Options = {}
M.Options.__index = M.Options

local boolean_options = {
  emptypass = false, useraspass = true, firstonly = false, passonly = false, unique = true,
  nouser = false,
}

--- A boolean argument: its value, or the default.
function M.Options.checkBoolArg(arg, default)
  local value = stdnse.get_script_args(arg)
  if value == nil then
    return default
  end
  return value ~= "false" and value ~= "no" and value ~= "0"
end

function M.Options:new()
  local o = {
    max_retries = tonumber(stdnse.get_script_args("brute.retries") or "") or 2,
    max_guesses = tonumber(stdnse.get_script_args("brute.guesses") or "") or 0,
    delay = (stdnse.parse_timespec(stdnse.get_script_args("brute.delay"))) or 0,
    mode = stdnse.get_script_args("brute.mode"),
  }
  for name, default in pairs(boolean_options) do
    o[name] = M.Options.checkBoolArg("brute." .. name, default)
  end
  return setmetatable(o, self)
end

function M.Options:setOption(param, value)
  self[param] = value
end
function M.Options:setMode(mode)
  if mode ~= "password" and mode ~= "user" and mode ~= "pass" and mode ~= "creds" then
    return false, "no such mode: " .. tostring(mode)
  end
  self.mode = mode
  return true
end
function M.Options:setTitle(title)
  self.title = title
end

-- Iterators ---------------------------------------------------------------------------------------

--- Iterators give a user and a password at each call, nil at the end.
M.Iterators = {}

local function iterate(generator)
  return coroutine.wrap(function()
    generator(coroutine.yield)
    while true do
      coroutine.yield(nil)
    end
  end)
end

--- Every pair of a user and a password: users outside (mode "user") or passwords outside (mode
-- "pass").
function M.Iterators.account_iterator(users, pass, mode)
  return iterate(function(give)
    local outer, inner = users, pass
    if mode == "pass" then
      outer, inner = pass, users
    end
    inner("reset")
    outer("reset")
    for a in outer do
      inner("reset")
      for b in inner do
        if mode == "pass" then
          give(b, a)
        else
          give(a, b)
        end
      end
    end
  end)
end
function M.Iterators.user_pw_iterator(users, pass)
  return M.Iterators.account_iterator(users, pass, "user")
end
function M.Iterators.pw_user_iterator(users, pass)
  return M.Iterators.account_iterator(users, pass, "pass")
end

--- Each user with his name as the password, as it is, in "lower" or "upper" case.
function M.Iterators.pw_same_as_user_iterator(users, case)
  return iterate(function(give)
    users("reset")
    for user in users do
      give(user, case == "lower" and string.lower(user) or case == "upper" and string.upper(user)
        or user)
    end
  end)
end

--- Every pair with the password in upper case.
function M.Iterators.pw_ucase_iterator(users, passwords, mode)
  return iterate(function(give)
    for user, pass in M.Iterators.account_iterator(users, passwords, mode or "user") do
      give(user, string.upper(pass))
    end
  end)
end

--- The lines "user/password" of a file.
function M.Iterators.credential_iterator(f)
  return iterate(function(give)
    for line in f:lines() do
      local user, pass = string.match(line, "^([^/]*)/(.*)$")
      if user then
        give(user, pass)
      end
    end
    f:close()
  end)
end

--- The pairs of the usual lists.
function M.Iterators.unpwdb_iterator(mode)
  local ok, users = unpwdb.usernames()
  local ok_too, passwords = unpwdb.passwords()
  if not ok or not ok_too then
    return function() end
  end
  return M.Iterators.account_iterator(users, passwords, mode or "user")
end

-- Engine ------------------------------------------------------------------------------------------

M.Engine = {}
M.Engine.__index = M.Engine

--- An engine for a driver on a host and port. `options` go to the driver.
function M.Engine:new(driver, host, port, options)
  local o = {
    driver = driver, host = host, port = port, driver_options = options, options = M.Options:new(),
    max_threads = tonumber(stdnse.get_script_args("brute.threads") or "") or 5,
    counter = 0, threads = 0, found = {}, tried = {}, guesses = {}, dropped = {}, retries = {},
  }
  return setmetatable(o, self)
end

function M.Engine:setMaxThreads(max)
  self.max_threads = max
end
function M.Engine:setUsernameIterator(iterator)
  self.usernames = iterator
end
function M.Engine:setPasswordIterator(iterator)
  self.passwords = iterator
end
function M.Engine:threadCount()
  return self.threads
end
M.Engine.activeThreads = M.Engine.threadCount

local function single(user)
  return unpwdb.table_iterator({ user })
end

-- The iterator over what is to be tried.
function M.Engine:credentials()
  if self.iterator then
    return self.iterator
  end
  local file = stdnse.get_script_args("brute.credfile")
  if self.options.mode == "creds" and file then
    local f, message = io.open(nmap.fetchfile(file) or file, "r")
    if not f then
      return nil, message
    end
    return M.Iterators.credential_iterator(f)
  end
  local users, passwords = self.usernames, self.passwords
  local ok, reason = true, nil
  if self.options.passonly then
    users = users or single("")
  elseif not users then
    ok, users = unpwdb.usernames()
    reason = not ok and users
  end
  if ok and not passwords then
    ok, passwords = unpwdb.passwords()
    reason = not ok and passwords
  end
  if not ok then
    return nil, reason
  end
  local first = {}
  if self.options.useraspass and not self.options.passonly then
    first[1] = M.Iterators.pw_same_as_user_iterator(users, "lower")
  end
  if self.options.emptypass then
    first[#first + 1] = M.Iterators.account_iterator(users, single(""), "user")
  end
  first[#first + 1] = M.Iterators.account_iterator(users, passwords, self.options.mode == "pass"
    and "pass" or "user")
  local at = 1
  return function()
    while first[at] do
      local user, pass = first[at]()
      if user ~= nil then
        return user, pass
      end
      at = at + 1
    end
  end
end

-- The next pair that was not tried, or nil.
function M.Engine:get_next_credential()
  local again = table.remove(self.retries)
  if again then
    return again.user, again.pass, again.n
  end
  while not self.ended do
    local user, pass = self.next_pair()
    if user == nil then
      self.ended = true
      return nil
    end
    local key = user .. "\0" .. (pass or "")
    local limit = self.options.max_guesses
    if not self.dropped[user] and not (self.options.unique and self.tried[key])
      and (limit == 0 or (self.guesses[user] or 0) < limit) then
      self.tried[key] = true
      self.guesses[user] = (self.guesses[user] or 0) + 1
      return user, pass, 0
    end
  end
end

-- One attempt: true and an account, or false and an error.
local function attempt(self, user, pass)
  local options = self.driver_options
  local driver = self.driver:new(self.host, self.port, options)
  local status, result = driver:connect()
  if not status then
    local e = type(result) == "table" and result or M.Error:new(tostring(result))
    e:setRetry(true)
    return false, e
  end
  status, result = driver:login(user, pass)
  driver:disconnect()
  self.counter = self.counter + 1
  if not status and type(result) ~= "table" then
    result = M.Error:new(tostring(result))
  end
  return status, result
end

local function note_success(self, user, account)
  self.found[#self.found + 1] = account
  self.dropped[user] = true
  local name = self.options.script_name or "brute"
  local state
  for code, text in pairs(creds.StateMsg) do
    state = text == account.state and code or state
  end
  creds.Credentials:new(name, self.host, self.port):add(account.username, account.password, state
    or creds.State.VALID)
  if self.options.firstonly then
    self.stopped = true
  end
end

local function note_failure(self, user, pass, n, e)
  if e.retry then
    if n < self.options.max_retries then
      table.insert(self.retries, { user = user, pass = pass, n = n + 1 })
    else
      self.stopped, self.failure = true, e:getMessage()
    end
  end
  if e.abort then
    self.stopped, self.failure = true, e:getMessage()
  end
  local invalid = e:isInvalidAccount()
  if invalid then
    self.dropped[invalid == true and user or invalid] = true
  end
end

local function work(self)
  while not self.stopped do
    local user, pass, n = self:get_next_credential()
    if user == nil then
      break
    end
    local status, result = attempt(self, user, pass)
    if status then
      note_success(self, user, result)
    else
      note_failure(self, user, pass, n, result)
      if result.done then
        break
      end
    end
    if self.options.delay > 0 then
      stdnse.sleep(self.options.delay)
    end
  end
end

--- One worker: tries until nothing is left. An error of the driver ends them all, and is told.
function M.Engine:login(signal)
  local ok, reason = pcall(work, self)
  if not ok then
    self.stopped, self.failure = true, tostring(reason)
  end
  self.threads = self.threads - 1
  signal "broadcast"
end

local function result_of(self, started)
  local output = stdnse.output_table()
  local title = self.options.title or "Accounts"
  if #self.found > 0 then
    output[title] = self.found
  else
    output[title] = "No valid " .. string.lower(title) .. " found"
  end
  local seconds = math.max(1, math.floor((nmap.clock_ms() - started) / 1000))
  output.Statistics = string.format("Performed %d guesses in %d seconds, average tps: %.1f",
    self.counter, seconds,
    self.counter / seconds)
  output.ERROR = self.failure
  return output
end

--- Tries until nothing is left, the time is over, or the driver says to stop. True and what the
-- script returns; false and a reason when nothing could be tried.
function M.Engine:start()
  local reason
  self.next_pair, reason = self:credentials()
  if not self.next_pair then
    return false, reason
  end
  local check = self.driver:new(self.host, self.port, self.driver_options)
  if check.check then
    local ok, why = check:check()
    if not ok then
      return false, why
    end
  end
  local started = nmap.clock_ms()
  local signal = nmap.condvar(self)
  self.threads = math.max(1, self.max_threads)
  for _ = 1, self.threads do
    stdnse.new_thread(self.login, self, signal)
  end
  while self.threads > 0 do
    signal "wait"
  end
  return true, result_of(self, started)
end

return M
