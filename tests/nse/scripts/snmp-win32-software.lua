-- snmp-win32-software on what Net-SNMP's agent told, and on an agent without the table.
local test, check = ...
local script, agent = require "support.script", require "support.agent"
local port = { number = 161, service = "snmp", protocol = "udp" }
local base = "1.3.6.1.2.1.25.6.3.1."

test("the software is shown with its dates", function()
  agent.serve({ [base .. "2.1"] = "zmap_2.1.1-2+b6_amd64", [base .. "2.2"] = "apt_2.6.1_amd64",
    [base .. "2.3"] = "broken\nname", [base .. "5.1"] = "\x07\xea\x0b\x1c\x0c\x04\x2c\0+\0\0",
    [base .. "5.2"] = "\x07\xe9\5\x14\0\0\0\0+\0\0", [base .. "5.3"] = "\7" })
  local text, data = script.run("snmp-win32-software", port)
  check.equal(text, [[
  apt_2.6.1_amd64; 2025-05-20T00:00:00
  broken.name; 
  zmap_2.1.1-2+b6_amd64; 2026-11-28T12:04:44]])
  check.same(data[1], { name = "apt_2.6.1_amd64", install_date = "2025-05-20T00:00:00" })
end)

test("software whose dates got lost is not told without dates", function()
  agent.serve({ [base .. "2.1"] = "apt", [base .. "5.1"] = "\x07\xe9\5\x14\0\0\0\0+\0\0" },
    { lost = agent.lose(100, base .. "5") })
  check.throws("the agent fell silent", script.run, "snmp-win32-software", port)
end)

test("an agent that tells none gives none", function()
  agent.serve({ ["1.3.6.1.2.1.1.1.0"] = "x" })
  check.equal(script.run("snmp-win32-software", port), nil)
end)
