-- snmp-interfaces on what Net-SNMP 5.9 answered.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 161, service = "snmp", protocol = "udp" }

test("interfaces are shown", function()
  script.replay("snmp-interfaces")
  local text, data = script.run("snmp-interfaces", port)
  check.contains(text, [[
  lo
    IP address: 127.0.0.1  Netmask: 255.0.0.0
    Type: softwareLoopback  Speed: 10 Mbps
    Status: up
    Traffic stats: ]])
  check.truthy(data or text)
end)

test("silence gives none", function()
  fake.servers["udp:161"] = fake.replies(nil, {}, true)
  check.equal(script.run("snmp-interfaces", port), nil)
end)
