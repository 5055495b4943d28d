-- couchdb-databases on recorded exchanges.
local test, check = ...
local script, web = require "support.script", require "support.web"
local port = { number = 5984 }

test("an open server lists its databases", function()
  web.serve(5984, { ["/_all_dbs"] = web.json('["shop","users"]') })
  check.equal(script.run("couchdb-databases", port), "  1 = shop\n  2 = users\n")
end)

test("one that wants a login lists nothing", function()
  web.serve(5984, { ["/_all_dbs"] = { status = 401, body = '{"error":"unauthorized"}' } })
  check.equal(script.run("couchdb-databases", port), nil)
end)
