--- Unit tests inside libraries.
--
--     if not unittest.testing() then
--       return M
--     end
--     M.test_suite = unittest.TestSuite:new()
--     M.test_suite:add_test(unittest.equal(M.f(1), 2), "f adds one")
--
-- A test is a function (suite) -> ok[, note]. The factories below give such functions. The suites
-- are built only when the script argument `unittest.run` was given, and run by `run_tests`.

local ipairs, pairs = ipairs, pairs
local pcall, rawget, require, setmetatable = pcall, rawget, require, setmetatable
local stdnse, string, table, tostring, type = require "stdnse", string, table, tostring, type

local M = {}

local libraries = {
  "asn1", "base32", "base64", "bits", "comm", "datetime", "dns", "formulas", "http", "idna",
  "ipOps", "json",
  "lpeg-utility", "packet", "punycode", "rand", "sasl", "smbauth", "ssh2", "stringaux", "tableaux",
  "tls",
  "unicode", "unittest", "url", "vnc",
}

--- Are unit tests to be run in this run?
function M.testing()
  return stdnse.get_script_args("unittest.run") ~= nil
end

--- An array of tests with `setup` and `teardown` around all of them. Called as `suite()` it runs
-- them and returns how many failed and how many there are.
M.TestSuite = {}
M.TestSuite.__index = M.TestSuite

function M.TestSuite:new()
  return setmetatable({ tests = {} }, {
    __index = self,
    __call = self.run,
  })
end

--- Adds the test `fn` under a sentence that says what it shows.
function M.TestSuite:add_test(fn, description)
  table.insert(self.tests, { fn = fn, description = description or "test " .. #self.tests + 1 })
end

--- Called before the first test and after the last; a suite may have its own.
function M.TestSuite.setup()
  return true
end
function M.TestSuite.teardown()
  return true
end

function M.TestSuite:run()
  local failed = 0
  self:setup()
  for _, test in ipairs(self.tests) do
    local ran, ok, note = pcall(test.fn, self)
    if not ran then
      ok, note = false, ok
    end
    if not ok then
      failed = failed + 1
    end
    stdnse.debug2("%s %s%s", ok and "ok" or "FAILED", test.description, note and ": "
      .. tostring(note) or "")
  end
  self:teardown()
  return failed, #self.tests
end

--- Runs the suites of the named libraries (all known ones when nil). An array of results:
-- { name = library, failed = n, tests = n } or { name =, error = message }.
function M.run_suites(names)
  local results = {}
  for _, name in ipairs(names or libraries) do
    local ok, library = pcall(require, name)
    if not ok then
      results[#results + 1] = { name = name, error = tostring(library) }
    elseif type(library) == "table" and rawget(library, "test_suite") then
      local failed, tests = library.test_suite()
      stdnse.debug1("%s: %d of %d tests failed", name, failed, tests)
      results[#results + 1] = { name = name, failed = failed, tests = tests }
    end
  end
  return results
end

--- What the script unittest shows: "All tests passed", or a table library -> number of failures.
function M.run_tests(to_test)
  local faults = stdnse.output_table()
  for _, result in ipairs(M.run_suites(type(to_test) == "table" and to_test or nil)) do
    if result.error then
      faults[result.name] = "ERROR: " .. result.error
    elseif result.failed > 0 then
      faults[result.name] = result.failed
    end
  end
  if #faults == 0 then
    return "All tests passed"
  end
  return faults
end

-- Factories ---------------------------------------------------------------------------------------

local function shown(value)
  return type(value) == "string" and string.format("%q", value) or tostring(value)
end

-- Equal in content, at every depth.
local function same(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then
    return a == b
  end
  for k, v in pairs(a) do
    if not same(v, b[k]) then
      return false
    end
  end
  for k in pairs(b) do
    if a[k] == nil then
      return false
    end
  end
  return true
end

local function comparison(compare, words)
  return function(a, b)
    return function()
      return compare(a, b), shown(a) .. " " .. words .. " " .. shown(b)
    end
  end
end

M.equal = comparison(function(a, b) return a == b end, "==")
M.not_equal = comparison(function(a, b) return a ~= b end, "~=")
M.lt = comparison(function(a, b) return a < b end, "<")
M.lte = comparison(function(a, b) return a <= b end, "<=")
M.identical = comparison(same, "is the same as")
M.table_equal = comparison(same, "is the same as")
M.length_is = comparison(function(t, n) return #t == n end, "has the length")
M.type_is = comparison(function(wanted, value) return type(value) == wanted end, "is the type of")
M.keys_equal = comparison(function(a, b)
  for k in pairs(a) do
    if b[k] == nil then
      return false
    end
  end
  for k in pairs(b) do
    if a[k] == nil then
      return false
    end
  end
  return true
end, "has the keys of")

local function condition(holds, words)
  return function(value)
    return function()
      return holds(value), shown(value) .. " " .. words
    end
  end
end

M.is_nil = condition(function(v) return v == nil end, "is nil")
M.not_nil = condition(function(v) return v ~= nil end, "is not nil")
M.is_true = condition(function(v) return not not v end, "is true")
M.is_false = condition(function(v) return not v end, "is false")

--- A test that is known to fail.
function M.expected_failure(test)
  return function(suite)
    local ok, note = test(suite)
    return not ok, "expected to fail: " .. tostring(note)
  end
end

return M
