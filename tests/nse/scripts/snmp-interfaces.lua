-- snmp-interfaces on what Net-SNMP 5.9 answered.
local test, check, fake = ...
local agent, script = require "support.agent", require "support.script"
local port = { number = 161, service = "snmp", protocol = "udp" }

test("interfaces are shown", function()
  script.replay("snmp-interfaces", script.echo(18, 1))
  local text, data = script.run("snmp-interfaces", port)
  check.contains(text, [[
  lo
    IP address: 127.0.0.1  Netmask: 255.0.0.0
    Type: softwareLoopback  Speed: 10 Mbps
    Status: up
    Traffic stats: ]])
  check.truthy(data[1]["Traffic stats"])
  data[1]["Traffic stats"] = nil
  check.same(data[1], { Name = "lo", Type = "softwareLoopback", Speed = "10 Mbps", Status = "up",
    Addresses = { { ["IP address"] = "127.0.0.1", Netmask = "255.0.0.0" } } })
end)

test("hardware addresses stand by themselves", function()
  local base = "1.3.6.1.2.1.2.2.1."
  agent.serve({ [base .. "2.1"] = "eth0", [base .. "3.1"] = 6, [base .. "5.1"] = 100000000,
    [base .. "6.1"] = "\0\0\x5e\x10\0\1", [base .. "8.1"] = 1 })
  local text, data = script.run("snmp-interfaces", port)
  check.contains(text, "    MAC address: 00:00:5e:10:00:01 (")
  check.equal(data[1]["MAC address"], "00:00:5e:10:00:01")
end)

test("addresses that could not be read are no list without addresses", function()
  local link, ip = "1.3.6.1.2.1.2.2.1.", "1.3.6.1.2.1.4.20.1"
  local values = { [link .. "2.1"] = "eth0", [link .. "3.1"] = 6, [ip .. ".2.192.0.2.1"] = 1,
    [ip .. ".3.192.0.2.1"] = "255.255.255.0" }
  agent.serve(values, { lost = agent.lose(3, ip) })
  local _, data = script.run("snmp-interfaces", port)
  check.equal(data[1].Addresses[1]["IP address"], "192.0.2.1")
  agent.serve(values, { lost = agent.lose(100, ip) })
  check.throws("the agent fell silent", script.run, "snmp-interfaces", port)
end)

test("silence gives none", function()
  fake.servers["udp:161"] = fake.replies(nil, {}, true)
  check.equal(script.run("snmp-interfaces", port), nil)
end)
