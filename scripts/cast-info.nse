description = [[
Shows what a device that takes Google Cast (players, televisions, loudspeakers) tells of itself: name,
model, software. Reads /setup/eureka_info.
]]
---
-- Not documented by Google; what devices answer is collected by the open source that sets them up.
--
-- @output
-- | cast-info:
-- |   Name: Living room
-- |   Manufacturer: Google Inc.
-- |   Model: Chromecast
-- |   Build version: 307211
-- |   Cast build: 1.56.307211
-- |   MAC address: 6c:ad:f8:01:02:03
-- |_  UDN: 01234567-89ab-cdef-0123-456789abcdef

author = "Muster"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

identity = { "MAC address", "UDN" }
volatile = {}

local api = require "http.api"
local device = require "device"
local shortport = require "shortport"

portrule = shortport.port_or_service(8008, { "chromecast", "googlecast" })

local fields = {
  { "Name", "name" }, { "Manufacturer", "manufacturer" }, { "Model", "model_name" },
  { "Build version", "build_version" }, { "Cast build", "cast_build_revision" },
  { "Release track", "release_track" }, { "MAC address", "mac_address", device.mac },
  { "UDN", "ssdp_udn" },
}

-- Devices put maker and model into a part of its own, newer ones into another.
local function flat(answer)
  for _, part in ipairs({ "detail", "device_info", "build_info" }) do
    for key, value in pairs(type(answer[part]) == "table" and answer[part] or {}) do
      answer[key] = answer[key] == nil and value or answer[key]
    end
  end
  return answer
end

function action(host, port)
  local answer = api.get(host, port, "/setup/eureka_info?options=detail", { no_cache = true })
  if not answer or not answer.cast_build_revision and not answer.build_version then
    return nil
  end
  return device.pick(flat(answer), fields)
end
