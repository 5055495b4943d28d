-- mongodb-databases on exchanges in the form of MongoDB 4.4.
local test, check, fake = ...
local script = require "support.script"
local mongo = require "support.mongo"
local port = { number = 27017, service = "mongodb" }

test("databases are listed", function()
  fake.servers["tcp:27017"] = mongo.server(mongo.hello, { listDatabases = mongo.dbs_msg })
  local text, data = script.run("mongodb-databases", port)
  check.contains(text, [[
  databases
    0
      name = admin
      sizeOnDisk = 40960.0
      empty = false
    1
      name = shop]])
  check.equal(data.databases[2].name, "shop")
end)

test("a server that wants a login says so, and has no databases", function()
  fake.servers["tcp:27017"] = mongo.server(mongo.hello, { listDatabases = mongo.deny_msg })
  local _, data = script.run("mongodb-databases", port)
  check.equal(data.databases, nil)
  check.equal(data.codeName, "Unauthorized")
end)

test("another server has none", function()
  fake.servers["tcp:27017"] = fake.replies("220 ftp\r\n")
  check.equal(script.run("mongodb-databases", port), nil)
end)
