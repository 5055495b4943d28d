-- etcd-info on recorded exchanges.
local test, check = ...
local script, web = require "support.script", require "support.web"
local port = { number = 2379, service = "etcd-client" }
local version = web.json('{"etcdserver":"3.4.23","etcdcluster":"3.4.0"}')

test("an open server tells its members", function()
  web.serve(2379, { ["/version"] = version, ["POST /v3/cluster/member/list"] = web.json(
    '{"header":{},"members":[{"ID":"1","name":"node1","clientURLs":["http://192.0.2.1:2379"]}]}') })
  check.equal(script.run("etcd-info", port), [[
  Server version: 3.4.23
  Cluster version: 3.4.0
  Members: 
    node1: http://192.0.2.1:2379]])
end)

test("one that wants credentials tells its version alone", function()
  web.serve(2379, { ["/version"] = version })
  local _, data = script.run("etcd-info", port)
  check.same(data, { ["Server version"] = "3.4.23", ["Cluster version"] = "3.4.0" })
end)

test("another web server is not one", function()
  web.serve(2379, {})
  check.equal(script.run("etcd-info", port), nil)
end)

test("a server that was lost after its first answer is an error", function()
  for _, lost in ipairs({ web.silence, { status = 503 }, { status = 429 } }) do
    web.serve(2379, { ["/version"] = version, ["/v3/cluster/member/list"] = lost })
    check.throws("no answer for /v3/cluster/member/list", script.run, "etcd-info", port)
  end
end)

test("one that is lost after it knew no newer list is an error", function()
  for _, lost in ipairs({ web.silence, { status = 503 }, { status = 429 } }) do
    web.serve(2379, { ["/version"] = version, ["/v2/members"] = lost })
    check.throws("no answer for /v2/members", script.run, "etcd-info", port)
  end
end)
