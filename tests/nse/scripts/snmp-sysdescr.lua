-- snmp-sysdescr on recorded exchanges.
local test, check, fake = ...
local script, snmp = require "support.script", require "snmp"
local port = { number = 161, service = "snmp", protocol = "udp" }

-- Answers GetRequests from a table of identifier -> value.
local function agent(values)
  return function(peer)
    local request = peer:recv()
    while request do
      local decoded = snmp.decode(request)
      local pdu = decoded[3]
      local oid = snmp.oid2str(pdu[4][1][1])
      peer:send(snmp.encode(snmp.buildPacket(snmp.buildGetResponse({ reqId = pdu[1] }, oid,
        values[oid]), 0, "public")))
      request = peer:recv()
    end
  end
end

test("the description is shown", function()
  fake.servers["udp:161"] = agent({ ["1.3.6.1.2.1.1.1.0"] = "Linux router 6.1.0",
    ["1.3.6.1.2.1.1.3.0"] = 186842 })
  check.equal(script.run("snmp-sysdescr", port),
    "Linux router 6.1.0\n  System uptime: 31m8.42s (186842 timeticks)")
end)

test("another uptime is no other description", function()
  local seen = {}
  for i, ticks in ipairs({ 186842, 42 }) do
    fake.servers["udp:161"] = agent({ ["1.3.6.1.2.1.1.1.0"] = "Linux router 6.1.0",
      ["1.3.6.1.2.1.1.3.0"] = ticks })
    seen[i] = select(2, script.run("snmp-sysdescr", port))
    check.contains(seen[i]["System uptime"], ticks .. " timeticks")
    seen[i]["System uptime"] = nil
  end
  check.same(seen[1], { Description = "Linux router 6.1.0" })
  check.same(seen[1], seen[2])
end)

test("silence gives none", function()
  fake.servers["udp:161"] = function(peer)
    peer:recv()
    peer:hang()
  end
  check.equal(script.run("snmp-sysdescr", port), nil)
end)
