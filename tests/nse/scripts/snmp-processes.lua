-- snmp-processes on what Net-SNMP's agent told, and on an agent without the table.
local test, check, fake = ...
local script, agent = require "support.script", require "support.agent"
local port = { number = 161, service = "snmp", protocol = "udp" }
local base = "1.3.6.1.2.1.25.4.2.1."

test("the processes are shown", function()
  agent.serve({ [base .. "2.184"] = "ntpd", [base .. "2.1"] = "bash", [base .. "4.1"] = "bash",
    [base .. "4.184"] = "ntpd", [base .. "5.1"] = "/lab/host-init.sh dns inside",
    [base .. "5.184"] = "", [base .. "6.1"] = 4 })
  check.equal(script.run("snmp-processes", port), [[
  1: 
    Name: bash
    Path: bash
    Params: /lab/host-init.sh dns inside
  184: 
    Name: ntpd
    Path: ntpd]])
end)

test("an agent that tells none gives none", function()
  agent.serve({ ["1.3.6.1.2.1.1.1.0"] = "x" })
  check.equal(script.run("snmp-processes", port), nil)
end)

test("an agent that does not take the community is asked for the first column alone", function()
  local asked = 0
  fake.servers["udp:161"] = function(peer)
    while peer:recv() do
      asked = asked + 1
    end
  end
  check.equal(script.run("snmp-processes", { number = 161, protocol = "udp", service = "snmp" }), nil)
  check.equal(asked, 2)
end)
