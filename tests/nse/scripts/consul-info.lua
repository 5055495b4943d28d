-- consul-info on recorded exchanges.
local test, check = ...
local script, web = require "support.script", require "support.web"
local port = { number = 8500 }

test("an open agent tells what it is", function()
  web.serve(8500, {
    ["/v1/agent/self"] = web.json('{"Config":{"Datacenter":"dc1","NodeName":"web1",'
      .. '"NodeID":"b1c2","Version":"1.8.7","Server":true}}'),
    ["/v1/catalog/services"] = web.json('{"web":["a"],"consul":[]}'),
  })
  check.equal(script.run("consul-info", port), [[
  Datacenter: dc1
  Node: web1
  Node ID: b1c2
  Version: 1.8.7
  Server: true
  Services: 
    consul
    web]])
end)

test("one that wants a token tells nothing", function()
  web.serve(8500, { default = { status = 403, body = "Permission denied" } })
  check.equal(script.run("consul-info", port), nil)
end)

test("a server that was lost after its first answer is an error", function()
  for _, lost in ipairs({ web.silence, { status = 503 }, { status = 429 } }) do
    web.serve(8500, { 
      ["/v1/agent/self"] = web.json('{"Config":{"NodeName":"web1"}}'),
      ["/v1/catalog/services"] = lost  })
    check.throws("no answer for /v1/catalog/services", script.run, "consul-info", port)
  end
end)
