description = [[
Shows the services that a host announces by multicast DNS (Bonjour, Avahi): their names, ports and
attributes, among them models and identifiers of devices.
]]
---
-- @output
-- | dns-service-discovery:
-- |   445/tcp smb
-- |     Address=192.0.2.15 2001:db8::15
-- |   631/tcp ipp
-- |     ty=HP LaserJet
-- |     UUID=11111111-2222-3333-4444-555555555555
-- |_    Address=192.0.2.15 2001:db8::15

author = "Muster"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

-- id: AirPlay, HomeKit, cast devices; uuid: printers (PWG 5100.14)
identity = { "id", "uuid", "deviceid" }
-- what state the device is in, and how often it changed its settings
volatile = { "sf", "c#", "s#", "rs", "nf", "ca", "flags", "printer-state", "queuelen" }

local dnssd = require "dnssd"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.portnumber(5353, "udp", { "open", "open|filtered" })

function action(host, port)
  local helper = dnssd.Helper:new(host, port)
  local status, entries = helper:discover()
  if not status or #entries == 0 then
    return nil
  end
  nmap.set_port_state(host, port, "open")
  local data, lines = {}, {}
  for i, entry in ipairs(entries) do
    data[i], lines[i] = dnssd.table_of(entry), dnssd.lines_of(entry)
  end
  return data, stdnse.format_output(true, lines)
end
