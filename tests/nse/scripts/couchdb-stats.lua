-- couchdb-stats on recorded exchanges.
local test, check = ...
local script, web = require "support.script", require "support.web"
local port = { number = 5984 }
local welcome = web.json('{"couchdb":"Welcome","version":"3.2.1","uuid":"85fb",'
  .. '"vendor":{"name":"The Apache Software Foundation"}}')

test("a server tells its version, and whether it wants a login", function()
  web.serve(5984, { ["/"] = welcome, ["/_all_dbs"] = { status = 401 } })
  check.equal(script.run("couchdb-stats", port), [[
  version: 3.2.1
  vendor: The Apache Software Foundation
  uuid: 85fb
  Authentication : enabled]])
end)

test("another web server is not one", function()
  web.serve(5984, { ["/"] = web.json('{"hello":1}') })
  check.equal(script.run("couchdb-stats", port), nil)
end)

test("a server that was lost after its first answer is an error", function()
  for _, lost in ipairs({ web.silence, { status = 503 }, { status = 429 } }) do
    web.serve(5984, { ["/"] = welcome, ["/_all_dbs"] = lost })
    check.throws("no answer for /_all_dbs", script.run, "couchdb-stats", port)
  end
end)
