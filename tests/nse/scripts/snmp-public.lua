-- snmp-public on agents that take a well-known name, another one, and none.
local test, check = ...
local script, agent = require "support.script", require "support.agent"
local port = { number = 161, service = "snmp", protocol = "udp" }
local system = { ["1.3.6.1.2.1.1.1.0"] = "Linux router 6.1.0\n" }

test("an agent that takes public is told", function()
  agent.serve(system, { community = "public" })
  check.equal(script.run("snmp-public", port), [[
  public: 
    versions: v1, v2c
    system: Linux router 6.1.0.]])
end)

test("one that takes another name is not", function()
  agent.serve(system, { community = "s3cret" })
  check.equal(script.run("snmp-public", port), nil)
end)

test("names can be given", function()
  agent.serve(system, { community = "s3cret" })
  local _, data = script.run("snmp-public", port, { args = { ["snmp-public.names"] = "a, s3cret" } })
  check.equal(data.s3cret.versions, "v1, v2c")
end)
