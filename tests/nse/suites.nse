description = [[
Runs the unit suites that an installed Nmap's libraries carry against our libraries of the same
names. A library's file is run from where it is installed; where it asks whether its suite is
wanted, what it has defined so far gives way to ours: the suite that follows is built from our
functions and constants. What it calls by a local name stays its own, and such a test says nothing
about ours: it is counted apart, as is one that needs a function that ours lacks.

Prints a line for each library and for each test that fails; `skipped:` without an Nmap.
]]
author = "Muster"
license = "Apache-2.0"
categories = { "safe" }

local lfs = require "lfs"
local nmap = require "nmap"
local stdnse = require "stdnse"
local unittest = require "unittest"

-- What cannot be carried over, and why.
local untransferable = {
  coap = "its suite is of the steps in which the file reads and writes headers, which ours does not"
    .. " have as functions",
  unittest = "its suite is of the functions of its own file, by name and number",
}

-- Tests that cannot pass because they compare with a local of the file: how many there may be.
local with_locals = { ["json: Extra test"] = 1 } -- its NULL

prerule = function()
  return true
end

local function directory()
  for _, path in ipairs({ "/usr/share/nmap/nselib", "/usr/local/share/nmap/nselib" }) do
    if pcall(lfs.dir, path) then
      return path
    end
  end
end

-- Libraries there whose text speaks of suites, and that we have too.
local function names_in(path)
  local names = {}
  for file in lfs.dir(path) do
    local name = file:match("^(.+)%.lua$")
    name = not untransferable[name] and name
    local ours = name and nmap.fetchfile("nselib/" .. file)
    local f = ours and ours:sub(1, #path) ~= path and io.open(path .. "/" .. file)
    if f then
      names[#names + 1] = f:read("a"):find("test_suite", 1, true) and name or nil
      f:close()
    end
  end
  table.sort(names)
  return names
end

-- One library: what its tests used since the last one was added.
local Trial = {}
Trial.__index = Trial

function Trial.new(path, name)
  return setmetatable({
    name = name, source = "@" .. path .. "/" .. name .. ".lua", used = {}, tests = {}, lacking = {},
    module = require(name),
  }, Trial)
end

-- The table in which the file's main chunk, somewhere above, keeps its globals.
function Trial:environment()
  local level = 3
  local info = debug.getinfo(level, "S")
  while info and not (info.what == "main" and info.source == self.source) do
    level = level + 1
    info = debug.getinfo(level, "S")
  end
  if not info then
    return nil
  end
  local found, index = nil, 1
  local name, value = debug.getlocal(level, index)
  while name do
    found = name == "_ENV" and value or found
    index = index + 1
    name, value = debug.getlocal(level, index)
  end
  return found
end

-- The file as a chunk whose globals' table is a local, to be found while it runs.
function Trial:chunk()
  local f = assert(io.open(self.source:sub(2)))
  local text = f:read("a"):gsub("^#[^\n]*", "")
  f:close()
  return assert(load("local _ENV = _ENV; " .. text, self.source, "t"))
end

--- Puts our module in the place of what the file has defined.
function Trial:replace()
  local env = self:environment()
  if not env or self.replaced then
    return
  end
  self.replaced = true
  local theirs, mt = {}, getmetatable(env) or {}
  local before = mt.__index
  for key, value in pairs(env) do
    theirs[key] = value
  end
  for key in pairs(theirs) do
    env[key] = nil
  end
  mt.__index = function(t, key)
    local value = self.module[key]
    if value ~= nil then
      self.used.ours = true
      return value
    elseif theirs[key] ~= nil then
      if type(key) == "string" and not key:find("^_") and key ~= "test_suite" then
        self.lacking[key], self.used.lacking = true, key
      end
      return theirs[key]
    end
    return type(before) == "function" and before(t, key) or type(before) == "table" and before[key]
      or nil
  end
  setmetatable(env, mt)
end

function Trial:add(fn, description)
  table.insert(self.tests, { fn = fn, description = description, used = self.used,
    line = debug.getinfo(3, "l").currentline })
  self.used = {}
end

local function run_one(trial, suite, test)
  trial.used = test.used
  local ran, ok, note = pcall(test.fn, suite)
  test.passed = ran and ok
  test.note = tostring(ran and note or ok)
end

-- What a test is about. One that used nothing of the module is about a value that an earlier one
-- made; with no earlier one it is about locals of the file.
local function kind_of(used, before)
  return used.lacking and "lacking" or used.ours and "ours" or before and "value" or "local"
end

-- What Nmap's own library cannot do, ours may.
local function either_way(test)
  return function(suite)
    test(suite)
    return true
  end
end

function Trial:run()
  local suite
  local TestSuite, get_script_args, add = unittest.TestSuite, stdnse.get_script_args,
    unittest.TestSuite.add_test
  local expected_failure = unittest.expected_failure
  stdnse.get_script_args = function(...)
    if ... == "unittest.run" then
      self:replace()
      return "1"
    end
    return get_script_args(...)
  end
  TestSuite.add_test = function(s, fn, description)
    suite = s
    self:add(fn, description)
  end
  unittest.expected_failure = either_way
  local thread = coroutine.create(function()
    self:chunk()(self.name)
    if suite then
      suite:setup()
      for _, test in ipairs(self.tests) do
        run_one(self, suite, test)
      end
      suite:teardown()
    end
  end)
  local ok, message = coroutine.resume(thread)
  self.error = not ok and debug.traceback(thread, tostring(message)) or nil
  stdnse.get_script_args, TestSuite.add_test = get_script_args, add
  unittest.expected_failure = expected_failure
  package.loaded[self.name] = self.module
end

-- Sorts the tests: how many of each kind, how many of ours failed.
function Trial:count(lines)
  local n, failed, spared = { ours = 0, lacking = 0, ["local"] = 0, value = 0 }, 0, {}
  for _, test in ipairs(self.tests) do
    local kind = kind_of(test.used, n.ours > 0)
    local ours = kind == "ours" or kind == "value"
    local key = self.name .. ": " .. tostring(test.description)
    if ours and not test.passed and (spared[key] or 0) < (with_locals[key] or 0) then
      kind, spared[key] = "local", (spared[key] or 0) + 1
    elseif ours and not test.passed then
      failed = failed + 1
      lines[#lines + 1] = ("FAILED %s:%d: %s: %s"):format(self.name, test.line,
        test.description or "", test.note)
    end
    n[kind] = n[kind] + 1
  end
  return n, failed
end

function Trial:report(lines, totals)
  local n, failed = self:count(lines)
  if self.error then
    lines[#lines + 1] = ("FAILED %s: %s"):format(self.name, self.error)
  end
  local lacking = {}
  for key in pairs(self.lacking) do
    lacking[#lacking + 1] = key
  end
  table.sort(lacking)
  local count = n.ours + n.value
  lines[#lines + 1] = ("%s: %d of %d pass%s%s"):format(self.name, count - failed, count,
    n["local"] > 0 and (", %d are about locals of the file"):format(n["local"]) or "",
    n.lacking > 0 and (", %d need what ours lacks: %s"):format(n.lacking,
      table.concat(lacking, ", ")) or "")
  totals.passed, totals.count = totals.passed + count - failed, totals.count + count
  totals.apart = totals.apart + n["local"] + n.lacking
end

action = function()
  local path = directory()
  if not path then
    return "skipped: no Nmap is installed whose suites could be run"
  end
  local lines, totals, names = {}, { passed = 0, count = 0, apart = 0 }, names_in(path)
  for _, name in ipairs(names) do
    local trial = Trial.new(path, name)
    trial:run()
    trial:report(lines, totals)
  end
  for name, reason in pairs(untransferable) do
    lines[#lines + 1] = ("%s: not run, %s"):format(name, reason)
  end
  if totals.count == 0 then
    lines[#lines + 1] = "FAILED no test was run"
  end
  lines[#lines + 1] = ("%d of %d unit tests of %d libraries of Nmap pass on ours, %d are not about"
    .. " ours"):format(totals.passed, totals.count, #names, totals.apart)
  return table.concat(lines, "\n")
end
