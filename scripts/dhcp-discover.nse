description = [[
Asks a DHCP server with an INFORM request, which takes no address, for what it tells its clients:
routers, name servers, domain.
]]
---
-- @args dhcp-discover.dhcptype  The type of request, such as DHCPDISCOVER (DHCPINFORM).
-- @args dhcp-discover.mac       The hardware address to send, such as 02:00:00:00:00:01 (that of
--       the interface).
--
-- @output
-- | dhcp-discover:
-- |   DHCP Message Type: DHCPACK
-- |   Server Identifier: 192.0.2.17
-- |   Subnet Mask: 255.255.255.0
-- |   Router: 192.0.2.1
-- |_  Domain Name Server: 192.0.2.17

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "safe" }

identity = {}
-- what it offers to this client, now
volatile = { "IP Offered", "IP Address Lease Time", "Renewal Time Value", "Rebinding Time Value" }

local dhcp = require "dhcp"
local ipOps = require "ipOps"
local nmap = require "nmap"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.portnumber(67, "udp", { "open", "open|filtered" })

-- The address and hardware address of the interface that leads to the host, as far as is known.
local function own_addresses(host)
  for _, interface in ipairs(nmap.list_interfaces()) do
    local address = interface.address
    if interface.mac and ipOps.ip_to_str(address or "", "inet") and (interface.device
      == host.interface or ipOps.ip_in_range(host.ip, address .. "/" .. interface.netmask)) then
      return address, interface.mac
    end
  end
  return "0.0.0.0", nil
end

function action(host, port)
  local kind = stdnse.get_script_args(SCRIPT_NAME .. ".dhcptype") or "DHCPINFORM"
  local number = dhcp.request_types[kind]
  if not number then
    return "there is no type of request " .. kind
  end
  local address, mac = own_addresses(host)
  local given = stdnse.get_script_args(SCRIPT_NAME .. ".mac")
  if given then
    mac = stdnse.fromhex((given:gsub("[:-]", "")))
  end
  local status, result = dhcp.make_request(host.ip, number, address, mac)
  if not status then
    stdnse.debug1("%s", result)
    return nil
  end
  nmap.set_port_state(host, port, "open")
  local output = stdnse.output_table()
  if result.yiaddr_str ~= "0.0.0.0" then
    output["IP Offered"] = result.yiaddr_str
  end
  dhcp.table_of(result, output)
  if nmap.verbosity() == 0 then
    output["DHCP Message Type"] = nil
  end
  return output
end
