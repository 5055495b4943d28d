description = [[
Lists the services that run on a Windows host, as its SNMP agent tells them (LanMgr-Mib-II-MIB).
]]
---
-- @args snmpcommunity  The community to ask with ("public").
--
-- @output
-- | snmp-win32-services:
-- |_  DHCP Client

author = "Muster"
license = "Apache-2.0"
categories = { "default", "safe", "discovery" }
dependencies = { "snmp-brute" }

identity = {}
volatile = {}

local shortport = require "shortport"
local snmp = require "snmp"

portrule = shortport.port_or_service(161, "snmp", "udp", { "open", "open|filtered" })

function action(host, port)
  local helper = snmp.Helper:new(host, port)
  if not helper:connect() then
    return nil
  end
  -- svSvcName
  local values = helper:whole("1.3.6.1.4.1.77.1.2.3.1.1")
  if #values == 0 then
    return nil
  end
  nmap.set_port_state(host, port, "open")
  local names = {}
  for i, value in ipairs(values) do
    names[i] = tostring(value.value):gsub("%c", ".")
  end
  table.sort(names)
  return names
end
