-- brute: accounts are tried by threads; a driver that fails ends the engine instead of leaving it
-- to wait for ever.
local test, check, fake = ...

local brute, creds = require "brute", require "creds"
local stdnse, unpwdb = require "stdnse", require "unpwdb"
local host, port = { ip = "192.0.2.1" }, { number = 3306, protocol = "tcp" }

-- What an engine gives whose driver's login is this function, over these users and passwords. Its
-- threads run one after the other.
local function start(login, users, passwords)
  fake.reset()
  local driver = { disconnect = function() end, login = login }
  driver.connect = function()
    return true
  end
  driver.new = function()
    return driver
  end
  local e = brute.Engine:new(driver, host, port)
  e.options.useraspass = false
  e:setUsernameIterator(unpwdb.table_iterator(users))
  e:setPasswordIterator(unpwdb.table_iterator(passwords))
  local new_thread = stdnse.new_thread
  stdnse.new_thread = function(f, ...)
    f(...)
  end
  local ok, result = e:start()
  stdnse.new_thread = new_thread
  check.truthy(ok)
  return result
end

test("every pair is tried until one is right", function()
  local tried = {}
  local result = start(function(_, user, password)
    tried[#tried + 1] = user .. "/" .. password
    if user == "bob" and password == "right" then
      return true, creds.Account:new(user, password, creds.State.VALID)
    end
    return false, brute.Error:new("no")
  end, { "ann", "bob" }, { "wrong", "right" })
  check.same(tried, { "ann/wrong", "ann/right", "bob/wrong", "bob/right" })
  check.equal(tostring(result.Accounts[1]), "bob:right - Valid credentials")
end)

test("an error of the driver ends the engine and is told", function()
  local result = start(function()
    error("no such field", 0)
  end, { "ann" }, { "x" })
  check.equal(result.ERROR, "no such field")
end)

test("the usual lists are iterators, as engines want them", function()
  check.equal(type(brute.usernames_iterator()), "function")
  check.equal(type(brute.passwords_iterator()), "function")
end)

test("an account without a password says so", function()
  check.equal(tostring(creds.Account:new("root", nil, creds.State.VALID)),
    "root:<empty> - Valid credentials")
  check.equal(tostring(creds.Account:new(nil, "public", creds.State.VALID)),
    "public - Valid credentials")
end)
