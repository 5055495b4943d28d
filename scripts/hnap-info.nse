description = [[
Shows what a router tells of itself by HNAP (Home Network Administration Protocol) without a login:
maker, model, firmware, and the actions that it offers.
]]
---
-- @output
-- | hnap-info:
-- |   Type: GatewayWithWiFi
-- |   Device: Meridian
-- |   Vendor: Exempla
-- |   Description: Exempla R1000
-- |   Model: R1000
-- |   Firmware: 2.4.10 build 07
-- |   Presentation URL: http://192.0.2.1/
-- |   SOAPACTIONS:
-- |_    http://purenetworks.com/HNAP1/GetDeviceSettings

author = "Muster"
license = "Apache-2.0"
categories = { "safe", "discovery", "default", "version" }

identity = {}
volatile = {}
finding = "low"

local http = require "http"
local api = require "http.api"
local shortport = require "shortport"
local slaxml = require "slaxml"
local stdnse = require "stdnse"
local stringaux = require "stringaux"

portrule = shortport.http

local fields = {
  { "Type", "Type" }, { "Device", "DeviceName" }, { "Vendor", "VendorName" },
  { "Description", "ModelDescription" }, { "Model", "ModelName" },
  { "Firmware", "FirmwareVersion" }, { "Presentation URL", "PresentationURL" },
}
local actions_max, text_max, body_max = 128, 200, 65536

-- The texts of the elements of GetDeviceSettingsResponse, and the strings under SOAPActions.
local function settings_of(xml)
  local texts, actions, name, list = {}, {}, nil, nil
  slaxml.parser:new({
    startElement = function(element)
      name = element
      list = list or element == "SOAPActions"
    end,
    closeElement = function(element)
      name = nil
      if element == "SOAPActions" then
        list = false
      end
    end,
    text = function(text)
      text = stringaux.trim(text):gsub("%c", "."):sub(1, text_max)
      if text == "" then
        return
      elseif list and name == "string" then
        if #actions < actions_max then
          actions[#actions + 1] = text
        end
      elseif name and not list then
        texts[name] = texts[name] or text
      end
    end,
  }):parseSAX(xml:sub(1, body_max))
  return texts, actions
end

function action(host, port)
  local response = api.first_or_refused(host, port, http.get(host, port, "/HNAP1",
    { redirect_ok = true, max_body_size = body_max, truncated_ok = true }))
  if response.status ~= 200 or not response.body
    or not response.body:find("GetDeviceSettingsResponse", 1, true) then
    return nil
  end
  local texts, actions = settings_of(response.body)
  local output = stdnse.output_table()
  for _, field in ipairs(fields) do
    output[field[1]] = texts[field[2]]
  end
  if #output == 0 then
    return nil
  end
  output.SOAPACTIONS = #actions > 0 and actions or nil
  if port.version then
    port.version.product = port.version.product or output.Description or output.Model
    nmap.set_port_version(host, port, "softmatched")
  end
  return output
end
