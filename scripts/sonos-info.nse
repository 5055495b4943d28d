description = [[
Shows what a loudspeaker of Sonos tells of itself: room, model, serial number, hardware address, software.
Reads its UPnP description.
]]
---
-- @output
-- | sonos-info:
-- |   Room: Kitchen
-- |   Model: Sonos One
-- |   Model number: S18
-- |   Serial number: 48-A6-B8-01-02-03:4
-- |   MAC address: 48:a6:b8:01:02:03
-- |   UDN: uuid:RINCON_48A6B801020301400
-- |   Software version: 76.2-47270
-- |_  Hardware version: 1.26.1.7-2.2

author = "Muster"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

identity = { "Serial number", "MAC address", "UDN" }
volatile = {}

local api = require "http.api"
local device = require "device"
local http = require "http"
local shortport = require "shortport"

portrule = shortport.port_or_service(1400, "sonos")

local fields = {
  { "Room", "roomName" }, { "Model", "modelName" }, { "Model number", "modelNumber" },
  { "Serial number", "serialNum" }, { "MAC address", "MACAddress", device.mac }, { "UDN", "UDN" },
  { "Software version", "softwareVersion" }, { "Hardware version", "hardwareVersion" },
}

function action(host, port)
  local response = api.first_or_refused(host, port, http.get(host, port, "/xml/device_description.xml",
    { redirect_ok = false, no_cache = true }))
  local values = device.elements(response.status == 200 and response.body or "")
  if not (values.manufacturer or ""):find("^Sonos") then
    return nil
  end
  return device.pick(values, fields)
end
