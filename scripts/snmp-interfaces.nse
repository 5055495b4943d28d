description = [[
Shows the interfaces of a device by SNMP: names, addresses, hardware addresses, kinds, speeds,
states, traffic.
]]
---
-- @args snmpcommunity  The community to ask with.
--
-- @output
-- | snmp-interfaces:
-- |   eth0
-- |     IP address: 192.0.2.1  Netmask: 255.255.255.0
-- |     MAC address: 02:00:5e:10:00:01
-- |     Type: ethernetCsmacd  Speed: 100 Mbps
-- |_    Status: up

author = "Muster"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }
dependencies = { "snmp-brute" }

-- All hardware addresses of a device in one place.
identity = { "MAC address" }
volatile = { "Traffic stats" }

local datafiles = require "datafiles"
local shortport = require "shortport"
local snmp = require "snmp"
local stdnse = require "stdnse"
local stringaux = require "stringaux"

portrule = shortport.port_or_service(161, "snmp", "udp", { "open", "open|filtered" })

-- ifType of IANA's registry "ifType definitions".
local kinds = {
  [1] = "other", [6] = "ethernetCsmacd", [9] = "iso88025TokenRing", [15] = "fddi",
  [22] = "propPointToPointSerial",
  [23] = "ppp", [24] = "softwareLoopback", [28] = "slip", [32] = "frameRelay", [37] = "atm",
  [39] = "sonet",
  [53] = "propVirtual", [54] = "propMultiplexor", [62] = "fastEther", [69] = "fastEtherFX",
  [71] = "ieee80211",
  [94] = "adsl", [108] = "pppMultilinkBundle", [117] = "gigabitEthernet",
  [127] = "docsCableMaclayer",
  [131] = "tunnel", [135] = "l2vlan", [136] = "l3ipvlan", [150] = "mplsTunnel",
  [161] = "ieee8023adLag",
  [166] = "mpls", [209] = "bridge", [244] = "wwanPP2", [250] = "gpon",
}
local states = { "up", "down", "testing", "unknown", "dormant", "notPresent", "lowerLayerDown" }
local base = "1.3.6.1.2.1.2.2.1."
local columns = {
  [2] = "name", [3] = "kind", [5] = "speed", [6] = "mac", [8] = "state", [10] = "received",
  [16] = "sent",
}

local function interfaces_of(helper)
  local list, by_index = {}, {}
  for _, value in ipairs(helper:whole("1.3.6.1.2.1.2.2.1")) do
    local column, index = value.oid:sub(#base + 1):match("^(%d+)%.(%d+)$")
    local name = columns[tonumber(column or 0)]
    if name then
      if not by_index[index] then
        by_index[index] = { index = index, addresses = {} }
        list[#list + 1] = by_index[index]
      end
      by_index[index][name] = value.value
    end
  end
  return list, by_index
end

-- ipAddrTable: index of the interface (2) and netmask (3) of each address.
local function add_addresses(helper, by_index)
  local addresses = {}
  for _, value in ipairs(helper:whole("1.3.6.1.2.1.4.20.1")) do
    local column, ip = value.oid:match("^1%.3%.6%.1%.2%.1%.4%.20%.1%.(%d+)%.([%d.]+)$")
    if ip then
      addresses[ip] = addresses[ip] or { ip = ip }
      addresses[ip][column] = value.value
    end
  end
  for ip, entry in pairs(addresses) do
    local interface = by_index[tostring(entry["2"])]
    if interface then
      table.insert(interface.addresses, { ip = ip, mask = entry["3"] })
    end
  end
end

local function speed_text(speed)
  for _, unit in ipairs({ { 1e9, "Gbps" }, { 1e6, "Mbps" }, { 1e3, "Kbps" } }) do
    if speed >= unit[1] then
      return ("%d %s"):format(speed // unit[1], unit[2])
    end
  end
  return speed .. " bps"
end

local function bytes_text(n)
  for _, unit in ipairs({ { 1e9, "Gb" }, { 1e6, "Mb" } }) do
    if n >= unit[1] then
      return ("%.2f %s"):format(n / unit[1], unit[2])
    end
  end
  return ("%.2f Kb"):format(n / 1000)
end

local function vendor_of(mac)
  local status, prefixes = datafiles.parse_mac_prefixes()
  return status and prefixes[stdnse.tohex(mac:sub(1, 3)):upper()] or "Unknown"
end

local function has_mac(interface)
  return type(interface.mac) == "string" and #interface.mac == 6 and interface.mac:find("[^%z]")
end

local function data_of(interface)
  local data = stdnse.output_table()
  data["Name"] = stringaux.trim_end(tostring(interface.name or interface.index), "%z")
  data["Addresses"] = #interface.addresses > 0 and {} or nil
  for _, address in ipairs(interface.addresses) do
    table.insert(data["Addresses"], { ["IP address"] = address.ip,
      ["Netmask"] = tostring(address.mask) })
  end
  data["MAC address"] = has_mac(interface) and stdnse.format_mac(interface.mac) or nil
  data["Type"] = kinds[interface.kind] or "unknown"
  data["Speed"] = speed_text(tonumber(interface.speed) or 0)
  data["Status"] = states[interface.state] or "unknown"
  if tonumber(interface.sent) and tonumber(interface.received) then
    data["Traffic stats"] = bytes_text(interface.sent) .. " sent, "
      .. bytes_text(interface.received) .. " received"
  end
  return data
end

local function lines_of(interface, data)
  local lines = { name = data["Name"] }
  for _, address in ipairs(data["Addresses"] or {}) do
    lines[#lines + 1] = "IP address: " .. address["IP address"] .. "  Netmask: "
      .. address["Netmask"]
  end
  if data["MAC address"] then
    lines[#lines + 1] = "MAC address: " .. data["MAC address"] .. " (" .. vendor_of(interface.mac)
      .. ")"
  end
  lines[#lines + 1] = "Type: " .. data["Type"] .. "  Speed: " .. data["Speed"]
  lines[#lines + 1] = "Status: " .. data["Status"]
  if data["Traffic stats"] then
    lines[#lines + 1] = "Traffic stats: " .. data["Traffic stats"]
  end
  return lines
end

function action(host, port)
  local helper = snmp.Helper:new(host, port)
  if not helper:connect() then
    return nil
  end
  local list, by_index = interfaces_of(helper)
  if #list == 0 then
    return nil
  end
  add_addresses(helper, by_index)
  nmap.set_port_state(host, port, "open")
  local output, all = {}, {}
  for i, interface in ipairs(list) do
    table.sort(interface.addresses, function(a, b)
      return a.ip < b.ip
    end)
    all[i] = data_of(interface)
    output[i] = lines_of(interface, all[i])
  end
  return all, stdnse.format_output(true, output)
end
