-- riak-http-info with statistics as Riak gives them.
local test, check = ...
local script, web = require "support.script", require "support.web"
local port = { number = 8098, service = "http" }

test("node and ring are shown", function()
  web.serve(8098, { ["/stats"] = web.json([[{"nodename":"riak@192.0.2.1",]]
    .. [["riak_kv_version":"2.1.7","sys_system_architecture":"x86_64-unknown-linux-gnu",]]
    .. [["ring_num_partitions":64,"ring_members":["riak@192.0.2.1"]}]]) })
  local text, data = script.run("riak-http-info", port)
  check.equal(text, [[
  Node name: riak@192.0.2.1
  Version: 2.1.7
  Architecture: x86_64-unknown-linux-gnu
  Ring partitions: 64
  Ring members: 
    riak@192.0.2.1]])
  check.equal(data["Node name"], "riak@192.0.2.1")
end)

test("another web server is none", function()
  web.serve(8098, { ["/stats"] = web.json('{"uptime":1}') })
  check.equal(script.run("riak-http-info", port), nil)
end)
