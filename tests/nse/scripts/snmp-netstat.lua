-- snmp-netstat on what Net-SNMP's agent told, and on an agent without the tables.
local test, check = ...
local script, agent = require "support.script", require "support.agent"
local port = { number = 161, service = "snmp", protocol = "udp" }
local tcp, udp = "1.3.6.1.2.1.6.13.1.1.", "1.3.6.1.2.1.7.5.1.2."

test("what listens and what is connected is shown", function()
  agent.serve({
    [tcp .. "10.99.0.17.53.0.0.0.0.0"] = 2, [tcp .. "10.99.0.17.53.10.99.0.2.54380"] = 5,
    [tcp .. "127.0.0.1.953.0.0.0.0.0"] = 2, [udp .. "0.0.0.0.67"] = 67,
    [udp .. "0.0.0.0.45678"] = 45678,
  })
  local text, data = script.run("snmp-netstat", port)
  check.equal(text, [[
  TCP  10.99.0.17:53        0.0.0.0:0
  TCP  10.99.0.17:53        10.99.0.2:54380
  TCP  127.0.0.1:953        0.0.0.0:0
  UDP  0.0.0.0:67           *:*
  UDP  0.0.0.0:45678        *:*
]])
  check.same(data, { TCP = { "10.99.0.17:53", "127.0.0.1:953" }, UDP = { "0.0.0.0:67" },
    connections = { "TCP 10.99.0.17:53 10.99.0.2:54380", "UDP 0.0.0.0:45678 *:*" } })
end)

test("the ports that a resolver draws are no change", function()
  local function lasting(random)
    agent.serve({ [udp .. "0.0.0.0.161"] = 161, [udp .. "0.0.0.0.5060"] = 5060,
      [udp .. "0.0.0.0." .. random] = random })
    local text, data = script.run("snmp-netstat", port)
    check.contains(text, "UDP  0.0.0.0:" .. random)
    return data.UDP
  end
  check.same(lasting(1031), { "0.0.0.0:161", "0.0.0.0:5060" })
  check.same(lasting(23456), lasting(1031))
end)

test("half of the ports are not told as all", function()
  agent.serve({ ["1.3.6.1.2.1.6.13.1.1.0.0.0.0.22.0.0.0.0.0"] = 2,
    ["1.3.6.1.2.1.7.5.1.2.0.0.0.0.161"] = 161 }, { lost = agent.lose(100, "1.3.6.1.2.1.7") })
  check.throws("the agent fell silent", script.run, "snmp-netstat", port)
end)

test("an agent that tells none gives none", function()
  agent.serve({ ["1.3.6.1.2.1.1.1.0"] = "x" })
  check.equal(script.run("snmp-netstat", port), nil)
end)
