description = [[
Lists the shares of a Windows host and where they lie, as its SNMP agent tells them
(LanMgr-Mib-II-MIB).
]]
---
-- @args snmpcommunity  The community to ask with ("public").
--
-- @output
-- | snmp-win32-shares:
-- |_  Public: C:\Public

author = "Muster"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }
dependencies = { "snmp-brute" }

identity = {}
volatile = {}
finding = "low"

local shortport = require "shortport"
local snmp = require "snmp"
local stdnse = require "stdnse"

portrule = shortport.port_or_service(161, "snmp", "udp", { "open", "open|filtered" })

-- svShareName and svSharePath
local base = "1.3.6.1.4.1.77.1.2.27.1."

function action(host, port)
  local helper = snmp.Helper:new(host, port)
  if not helper:connect() then
    return nil
  end
  local names = helper:whole(base .. 1)
  if #names == 0 then
    return nil
  end
  nmap.set_port_state(host, port, "open")
  local paths, output = {}, stdnse.output_table()
  for _, value in ipairs(helper:whole(base .. 2)) do
    paths[value.oid:sub(#base + 2)] = value.value
  end
  for _, value in ipairs(names) do
    local path = paths[value.oid:sub(#base + 2)]
    output[tostring(value.value)] = tostring(path or ""):gsub("%c", ".")
  end
  return output
end
