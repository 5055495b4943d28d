description = [[
Shows what a Philips Hue bridge, or one that speaks like it, tells anyone of itself: name, model, identifier,
software. Reads /api/config, which needs no key.
]]
---
-- Described in the Hue API's documentation, "Configuration API", 7.2 (get configuration without a key).
--
-- @output
-- | hue-info:
-- |   Name: Hue Bridge
-- |   Model: BSB002
-- |   Bridge id: ecb5fafffe010203
-- |   MAC address: ec:b5:fa:01:02:03
-- |   Software version: 1967054020
-- |_  API version: 1.67.0

author = "Muster"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

identity = { "Bridge id", "MAC address" }
volatile = {}

local api = require "http.api"
local device = require "device"
local shortport = require "shortport"

portrule = shortport.http

local fields = {
  { "Name", "name" }, { "Model", "modelid" }, { "Bridge id", "bridgeid", string.lower },
  { "MAC address", "mac", device.mac }, { "Software version", "swversion" },
  { "API version", "apiversion" },
}

function action(host, port)
  local config = api.get(host, port, "/api/config")
  if not config or type(config.bridgeid) ~= "string" or type(config.apiversion) ~= "string" then
    return nil
  end
  return device.pick(config, fields)
end
