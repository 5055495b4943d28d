description = [[
Finds cameras and recorders that speak ONVIF, and shows what they tell without a login: maker, model,
firmware, serial number. Asks the device service for GetDeviceInformation.
]]
---
-- ONVIF Core Specification, 8.1.3 (GetDeviceInformation, access class READ_SYSTEM: with a login only,
-- which many devices do not want) and 5.12.1 (ter:NotAuthorized).
--
-- @output
-- | onvif-info:
-- |   Manufacturer: Lab
-- |   Model: Dome 4K
-- |   Firmware version: 2.800.0
-- |   Serial number: 6C03AB1PAG12345
-- |_  Hardware id: 1.00

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "safe" }

identity = { "Serial number" }
volatile = {}

local api = require "http.api"
local device = require "device"
local http = require "http"
local shortport = require "shortport"
local stdnse = require "stdnse"

local at_other_ports = shortport.portnumber({ 2020, 8899, 10080 })

local question = [[<?xml version="1.0" encoding="utf-8"?>
<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>
<GetDeviceInformation xmlns="http://www.onvif.org/ver10/device/wsdl"/></s:Body></s:Envelope>]]

local fields = {
  { "Manufacturer", "Manufacturer" }, { "Model", "Model" }, { "Firmware version", "FirmwareVersion" },
  { "Serial number", "SerialNumber" }, { "Hardware id", "HardwareId" },
}

function portrule(host, port)
  return shortport.http(host, port) or at_other_ports(host, port)
end

function action(host, port)
  local options = { redirect_ok = false, header = {
    ["Content-Type"] = 'application/soap+xml; charset=utf-8; action="http://www.onvif.org/ver10/device/wsdl/'
      .. 'GetDeviceInformation"' } }
  local response = api.first_or_refused(host, port, http.post(host, port, "/onvif/device_service", options,
    nil, question))
  local body = response.body or ""
  if response.status == 200 and body:find("GetDeviceInformationResponse", 1, true) then
    return device.pick(device.elements(body), fields)
  elseif body:find("www.onvif.org/ver10/error", 1, true) and body:find(":NotAuthorized", 1, true) then
    local output = stdnse.output_table()
    output["Device information"] = "with a login only"
    return output
  end
  return nil
end
