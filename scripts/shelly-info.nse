description = [[
Shows what a Shelly relay, lamp or sensor tells anyone of itself: model, hardware address, firmware, and
whether it wants a password. Reads /shelly and switches nothing.
]]
---
-- Described in the makers' API references: Gen1 "/shelly", Gen2 "Shelly.GetDeviceInfo".
--
-- @output
-- | shelly-info:
-- |   Name: Pump
-- |   Model: SNSW-001X16EU
-- |   App: Plus1
-- |   Generation: 2
-- |   MAC address: a8:03:2a:01:02:03
-- |   Firmware: 1.0.8
-- |_  Control without password: true

author = "Muster"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

identity = { "MAC address" }
volatile = {}
finding = { ["Control without password"] = "medium" }

local api = require "http.api"
local device = require "device"
local shortport = require "shortport"

portrule = shortport.http

local fields = {
  { "Name", "name" }, { "Model", "model" }, { "Model", "type" }, { "App", "app" },
  { "Generation", "gen" }, { "MAC address", "mac", device.mac }, { "Firmware", "ver" },
  { "Firmware", "fw" },
}

function action(host, port)
  local info = api.get(host, port, "/shelly")
  if not info or type(info.mac) ~= "string" or not (info.type and info.fw or info.gen and info.app) then
    return nil
  end
  local output = device.pick(info, fields)
  -- "auth" of the first generation, "auth_en" of those after it
  if output and (info.auth == false or info.auth_en == false) then
    output["Control without password"] = true
  end
  return output
end
