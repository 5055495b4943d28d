-- snmp-info on what Net-SNMP 5.9 answered.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 161, service = "snmp", protocol = "udp" }

test("the engine is shown", function()
  script.replay("snmp-info")
  local text, data = script.run("snmp-info", port)
  check.contains(text, [[
  enterprise: net-snmp
  engineIDFormat: text
  engineIDData: labrouter
  snmpEngineBoots: 1
  snmpEngineTime: ]])
  check.equal(data.engineIDData, "labrouter")
end)

test("silence and an agent without version 3 give none", function()
  fake.servers["udp:161"] = fake.replies(nil, {}, true)
  check.equal(script.run("snmp-info", port), nil)
  fake.servers["udp:161"] = fake.replies(nil, { "\x30\3\2\1\1" }, true)
  check.equal(script.run("snmp-info", port), nil)
end)
