description = [[
Shows the system description that an SNMP agent gives to the community "public" (or the one that
is given), and how long the system has been up.
]]
---
-- @args snmpcommunity  The community to ask with.
--
-- @output
-- | snmp-sysdescr: Linux router 6.1.0 #1 SMP x86_64
-- |_  System uptime: 31m8.42s (186842 timeticks)

author = "Muster"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }
dependencies = { "snmp-brute" }

identity = {}
volatile = { "System uptime" }
-- an agent that answers to the community "public"
finding = "medium"

local datetime = require "datetime"
local shortport = require "shortport"
local snmp = require "snmp"
local stdnse = require "stdnse"

portrule = shortport.port_or_service(161, "snmp", "udp", { "open", "open|filtered" })

function action(host, port)
  local helper = snmp.Helper:new(host, port)
  if not helper:connect() then
    return nil
  end
  local status, values = helper:get({ reqId = 28428 }, "1.3.6.1.2.1.1.1.0")
  local description = status and values[1] and values[1][1]
  if not description then
    stdnse.debug1("no system description: %s", tostring(values))
    if not status then
      helper:check_silence(values)
    end
    return nil
  end
  nmap.set_port_state(host, port, "open")
  local text, data = tostring(description), stdnse.output_table()
  data["Description"] = text
  status, values = helper:get({ reqId = 28429 }, "1.3.6.1.2.1.1.3.0")
  local ticks = status and values[1] and values[1][1]
  if math.type(ticks) == "integer" then
    data["System uptime"] = datetime.format_time(ticks, 100) .. " (" .. ticks .. " timeticks)"
    text = text .. "\n  System uptime: " .. data["System uptime"]
  end
  return data, text
end
