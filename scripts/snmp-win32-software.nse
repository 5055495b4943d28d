description = [[
Lists the software that is installed on a host, with the date of its installation, as its SNMP agent
tells it (HOST-RESOURCES-MIB, RFC 2790): Windows, and Linux with Net-SNMP.
]]
---
-- @args snmpcommunity  The community to ask with ("public").
--
-- @output
-- | snmp-win32-software:
-- |   Backup agent 7.2; 2024-03-02T09:41:07
-- |_  Text editor 23.01 (x64); 2025-01-14T22:10:55

author = "Muster"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }
dependencies = { "snmp-brute" }

identity = {}
volatile = {}

local shortport = require "shortport"
local snmp = require "snmp"

portrule = shortport.port_or_service(161, "snmp", "udp", { "open", "open|filtered" })

-- hrSWInstalledName and hrSWInstalledDate
local name_column, date_column = "1.3.6.1.2.1.25.6.3.1.2", "1.3.6.1.2.1.25.6.3.1.5"

-- DateAndTime (RFC 2579): year, month, day, hour, minutes, seconds.
local function date_text(bytes)
  if type(bytes) ~= "string" or #bytes < 8 then
    return nil
  end
  return ("%04d-%02d-%02dT%02d:%02d:%02d"):format(string.unpack(">I2BBBBB", bytes))
end

local function column(helper, oid)
  local out, order = {}, {}
  for _, value in ipairs(helper:whole(oid)) do
    local index = value.oid:match("%f[%d](%d+)$")
    out[index], order[#order + 1] = value.value, index
  end
  return out, order
end

function action(host, port)
  local helper = snmp.Helper:new(host, port)
  if not helper:connect() then
    return nil
  end
  local names, order = column(helper, name_column)
  if #order == 0 then
    return nil
  end
  nmap.set_port_state(host, port, "open")
  local dates = column(helper, date_column)
  local output, lines = {}, {}
  for _, index in ipairs(order) do
    local name, date = tostring(names[index]):gsub("%c", "."), date_text(dates[index])
    output[#output + 1] = { name = name, install_date = date }
    lines[#lines + 1] = name .. "; " .. (date or "")
  end
  table.sort(output, function(a, b)
    return a.name < b.name
  end)
  table.sort(lines)
  return output, "\n  " .. table.concat(lines, "\n  ")
end
