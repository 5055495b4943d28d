description = [[
Lists the ports on which a host listens and its connections, as its SNMP agent tells them (TCP-MIB
and UDP-MIB of RFC 1213): also those that no scan from outside reaches.
]]
---
-- @args snmpcommunity  The community to ask with ("public").
--
-- @output
-- | snmp-netstat:
-- |   TCP  0.0.0.0:22           0.0.0.0:0
-- |   TCP  192.0.2.17:22        192.0.2.2:54380
-- |_  UDP  0.0.0.0:161          *:*

author = "Muster"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }
dependencies = { "snmp-brute" }

identity = {}
volatile = { "connections" }

local shortport = require "shortport"
local snmp = require "snmp"
local stdnse = require "stdnse"

portrule = shortport.port_or_service(161, "snmp", "udp", { "open", "open|filtered" })

-- UDP knows no listen(2). Resolvers draw a port from 1024 on for each question (RFC 5452, section
-- 4.5), so that from there on only those of well-known services are taken for lasting.
local drawn = 1024
local well_known = {}
for _, port in ipairs({ 1194, 1434, 1645, 1646, 1701, 1812, 1813, 1900, 1985, 2049, 2055, 2083,
  2123, 2152, 2427, 3389, 3391, 3478, 3671, 3702, 3784, 4500, 4739, 4789, 5060, 5061, 5093, 5246,
  5247, 5351, 5353, 5355, 5683, 5684, 6081, 6343, 6514, 8472, 8611, 8612, 9987, 9993, 9995, 9996,
  10001, 10161, 10162, 11211, 20048, 25826, 30718, 41641, 44818, 47808, 51820 }) do
  well_known[port] = true
end

-- tcpConnState: the indices say it all: local address and port, remote address and port.
local function tcp_entries(helper)
  local out = {}
  for _, value in ipairs(helper:whole("1.3.6.1.2.1.6.13.1.1")) do
    local here, port, there, remote = value.oid:match("%.6%.13%.1%.1%.(%d+%.%d+%.%d+%.%d+)%.(%d+)"
      .. "%.(%d+%.%d+%.%d+%.%d+)%.(%d+)$")
    if here then
      out[#out + 1] = { proto = "TCP", here = here .. ":" .. port, there = there .. ":" .. remote,
        -- listen(2)
        lasting = value.value == 2 }
    end
  end
  return out
end

local function udp_entries(helper)
  local out = {}
  for _, value in ipairs(helper:whole("1.3.6.1.2.1.7.5.1.2")) do
    local here, port = value.oid:match("%.7%.5%.1%.2%.(%d+%.%d+%.%d+%.%d+)%.(%d+)$")
    if here then
      out[#out + 1] = { proto = "UDP", here = here .. ":" .. port, there = "*:*",
        lasting = tonumber(port) < drawn or well_known[tonumber(port)] == true }
    end
  end
  return out
end

local function result_of(entries)
  local lines, data = {}, { TCP = {}, UDP = {}, connections = {} }
  for _, entry in ipairs(entries) do
    lines[#lines + 1] = ("%s  %-20s %s"):format(entry.proto, entry.here, entry.there)
    if entry.lasting then
      table.insert(data[entry.proto], entry.here)
    else
      table.insert(data.connections, ("%s %s %s"):format(entry.proto, entry.here, entry.there))
    end
  end
  return data, stdnse.format_output(true, lines)
end

function action(host, port)
  local helper = snmp.Helper:new(host, port)
  if not helper:connect() then
    return nil
  end
  local entries = tcp_entries(helper)
  for _, entry in ipairs(udp_entries(helper)) do
    entries[#entries + 1] = entry
  end
  if #entries == 0 then
    return nil
  end
  nmap.set_port_state(host, port, "open")
  return result_of(entries)
end
