-- snmp-win32-users on what the agent of Windows tells, and on an agent without the table.
local test, check = ...
local script, agent = require "support.script", require "support.agent"
local port = { number = 161, service = "snmp", protocol = "udp" }

-- A name as an index: its length and bytes.
local function index(name)
  return #name .. "." .. table.concat({ name:byte(1, -1) }, ".")
end

test("the names are shown, sorted", function()
  local values = {}
  for _, name in ipairs({ "Server", "DHCP Client", "Guest" }) do
    values["1.3.6.1.4.1.77.1.2.25.1.1." .. index(name)] = name
  end
  agent.serve(values)
  check.equal(script.run("snmp-win32-users", port), "  DHCP Client\n  Guest\n  Server")
end)

test("names that got lost are no fewer names", function()
  local base = "1.3.6.1.4.1.77.1.2.25.1.1"
  local values = { [base .. ".1.65"] = "A", [base .. ".1.66"] = "B" }
  agent.serve(values, { lost = agent.lose(2, base .. ".1") })
  check.equal(script.run("snmp-win32-users", port), "  A\n  B")
  agent.serve(values, { lost = agent.lose(100, base .. ".1") })
  check.throws("the agent fell silent", script.run, "snmp-win32-users", port)
end)

test("an agent that tells none gives none", function()
  agent.serve({ ["1.3.6.1.2.1.1.1.0"] = "x" })
  check.equal(script.run("snmp-win32-users", port), nil)
end)
