-- snmp-win32-shares on what the agent of Windows tells, and on an agent without the table.
local test, check = ...
local script, agent = require "support.script", require "support.agent"
local port = { number = 161, service = "snmp", protocol = "udp" }
local base = "1.3.6.1.4.1.77.1.2.27.1."

test("the shares are shown with their paths", function()
  agent.serve({ [base .. "1.6.80.117.98.108.105.99"] = "Public",
    [base .. "2.6.80.117.98.108.105.99"] = "C:\\Public", [base .. "1.1.65"] = "A" })
  local text, data = script.run("snmp-win32-shares", port)
  check.equal(text, "  A: \n  Public: C:\\Public")
  check.same(data, { A = "", Public = "C:\\Public" })
end)

test("shares whose paths got lost are no shares without paths", function()
  local values = { [base .. "1.1.65"] = "A", [base .. "2.1.65"] = "C:\\A" }
  agent.serve(values, { lost = agent.lose(2, base .. "2") })
  check.same(select(2, script.run("snmp-win32-shares", port)), { A = "C:\\A" })
  agent.serve(values, { lost = agent.lose(100, base .. "2") })
  check.throws("the agent fell silent", script.run, "snmp-win32-shares", port)
end)

test("an agent that tells none gives none", function()
  agent.serve({ ["1.3.6.1.2.1.1.1.0"] = "x" })
  check.equal(script.run("snmp-win32-shares", port), nil)
end)
