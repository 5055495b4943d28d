description = [[
Lists the processes that run on a host, as its SNMP agent tells them (HOST-RESOURCES-MIB, RFC 2790).
]]
---
-- @args snmpcommunity  The community to ask with ("public").
--
-- @output
-- | snmp-processes:
-- |   1:
-- |     Name: systemd
-- |     Path: /sbin/init
-- |_    Params: splash

author = "Muster"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }
dependencies = { "snmp-brute" }

identity = {}
-- processes come and go
volatile = { "*" }

local shortport = require "shortport"
local snmp = require "snmp"
local stdnse = require "stdnse"

portrule = shortport.port_or_service(161, "snmp", "udp", { "open", "open|filtered" })

-- hrSWRunName, hrSWRunPath, hrSWRunParameters
local columns = { { "Name", 2 }, { "Path", 4 }, { "Params", 5 } }
local base = "1.3.6.1.2.1.25.4.2.1."

local function processes_of(helper)
  local list, by_id = {}, {}
  for _, column in ipairs(columns) do
    for _, value in ipairs(helper:whole(base .. column[2])) do
      local id = tonumber(value.oid:match("%f[%d](%d+)$"))
      if not by_id[id] and column[2] == 2 then
        by_id[id] = { id = id, output = stdnse.output_table() }
        list[#list + 1] = by_id[id]
      end
      if by_id[id] and value.value and value.value ~= "" then
        by_id[id].output[column[1]] = tostring(value.value)
      end
    end
    if #list == 0 then
      break
    end
  end
  table.sort(list, function(a, b)
    return a.id < b.id
  end)
  return list
end

function action(host, port)
  local helper = snmp.Helper:new(host, port)
  if not helper:connect() then
    return nil
  end
  local list = processes_of(helper)
  if #list == 0 then
    return nil
  end
  nmap.set_port_state(host, port, "open")
  local output = stdnse.output_table()
  for _, process in ipairs(list) do
    output[tostring(process.id)] = process.output
  end
  return output
end
