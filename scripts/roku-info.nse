description = [[
Shows what a Roku player or television tells of itself over its External Control Protocol: model, serial
number, software, name. Reads /query/device-info and presses no key.
]]
---
-- The protocol is described in Roku's developer documentation, "External Control Protocol (ECP)".
--
-- @output
-- | roku-info:
-- |   Name: Living room
-- |   Vendor: Roku
-- |   Model: Roku Express
-- |   Model number: 3930X
-- |   Serial number: YN00AB123456
-- |   UDN: 29380007-0800-1025-80a4-0123456789ab
-- |   Software version: 12.5.0
-- |   Software build: 4178
-- |_  MAC address: 88:de:a9:01:02:03

author = "Muster"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

identity = { "Serial number", "UDN", "MAC address", "Ethernet MAC address" }
volatile = {}

local api = require "http.api"
local device = require "device"
local http = require "http"
local shortport = require "shortport"

portrule = shortport.port_or_service(8060, { "roku", "roku-ecp" })

local fields = {
  { "Name", "user-device-name" }, { "Name", "friendly-device-name" }, { "Location", "user-device-location" },
  { "Vendor", "vendor-name" }, { "Model", "model-name" }, { "Model number", "model-number" },
  { "Serial number", "serial-number" }, { "UDN", "udn" }, { "Software version", "software-version" },
  { "Software build", "software-build" }, { "MAC address", "wifi-mac", device.mac },
  { "Ethernet MAC address", "ethernet-mac", device.mac },
}

function action(host, port)
  local response = api.first_or_refused(host, port, http.get(host, port, "/query/device-info",
    { redirect_ok = false, no_cache = true }))
  local body = response.status == 200 and response.body or ""
  if not body:find("<device-info>", 1, true) then
    return nil
  end
  return device.pick(device.elements(body), fields)
end
