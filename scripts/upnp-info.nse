description = [[
Shows what a UPnP device (routers, televisions, media servers, printers) tells of itself: system,
name, maker, model, serial number, identifier.
]]
---
-- @output
-- | upnp-info:
-- | Server: Linux/5.10 UPnP/1.0 MiniDLNA/1.3.0
-- | Location: http://192.0.2.1:8200/rootDesc.xml
-- |   Name: Living room
-- |   Manufacturer: Justin Maggard
-- |   Model Descr: MiniDLNA on Linux
-- |   Model Name: Windows Media Connect compatible (MiniDLNA)
-- |   Model Version: 1
-- |   Serial: 12345678
-- |_  UDN: uuid:4d696e69-444c-164e-9d41-00089b990015

author = "Muster"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

identity = { "UDN" }
volatile = {}

local shortport = require "shortport"
local stdnse = require "stdnse"
local upnp = require "upnp"

portrule = shortport.portnumber(1900, "udp", { "open", "open|filtered" })

function action(host, port)
  local helper = upnp.Helper:new(host, port)
  local status, found = helper:discover()
  if not status then
    return nil
  end
  nmap.set_port_state(host, port, "open")
  -- the structure is a list, however many there are: one more is no other shape
  local data, lines = {}, {}
  for i, entry in ipairs(found) do
    data[i], lines[i] = upnp.table_of(entry), upnp.lines_of(entry)
    lines[i].name = #found > 1 and (entry.usn or entry.location) or nil
  end
  return data, stdnse.format_output(true, #found > 1 and lines or lines[1])
end
