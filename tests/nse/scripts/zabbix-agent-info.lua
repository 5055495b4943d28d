-- zabbix-agent-info on what the agent of Zabbix 6.0 answered.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 10050, service = "zabbix-agent" }

test("version, name and system are shown", function()
  script.replay("zabbix-agent-info")
  local text, data = script.run("zabbix-agent-info", port)
  check.contains(text, "  agent.version: 6.0.14\n  agent.hostname: web1\n  system.uname: Linux vm ")
  check.equal(data["agent.hostname"], "web1")
end)

test("what a busy agent did not answer is asked again", function()
  script.replay("zabbix-agent-info", nil, { 1, 0, 2, 3 })
  check.equal(select(2, script.run("zabbix-agent-info", port))["agent.hostname"], "web1")
  script.replay("zabbix-agent-info", nil, { 1, 0, 0, 3 })
  check.throws("no answer for agent.hostname", script.run, "zabbix-agent-info", port)
end)

test("an empty value is left out", function()
  local values = { "6.0.14", "", "Linux" }
  fake.servers["tcp:10050"] = function(peer)
    peer:recv()
    local value = table.remove(values, 1)
    peer:send("ZBXD\1" .. string.pack("<I4I4", #value, 0) .. value)
  end
  check.equal(script.run("zabbix-agent-info", port),
    "  agent.version: 6.0.14\n  system.uname: Linux")
end)

test("an agent that answers its own server only gives none", function()
  fake.servers["tcp:10050"] = script.server({})
  check.equal(script.run("zabbix-agent-info", port), nil)
end)
