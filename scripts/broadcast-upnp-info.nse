description = [[
Searches the link for UPnP devices by multicast (SSDP), and shows what each tells of itself.
]]
---
-- @output
-- | broadcast-upnp-info:
-- |   192.0.2.15
-- |       Server: Linux/5.10 UPnP/1.0 MiniDLNA/1.3.0
-- |       Location: http://192.0.2.15:8200/rootDesc.xml
-- |         Name: Living room
-- |_        UDN: uuid:4d696e69-444c-164e-9d41-00089b990015

author = "Muster"
license = "Apache-2.0"
categories = { "broadcast", "safe" }

-- One result stands for many devices: none of it identifies one.
identity = {}
volatile = {}

local stdnse = require "stdnse"
local target = require "target"
local upnp = require "upnp"

prerule = function()
  return true
end

function action()
  local helper = upnp.Helper:new()
  helper:setMulticast(true)
  local status, result = helper:queryServices()
  if not status then
    return nil
  end
  for _, device in ipairs(result) do
    if target.ALLOW_NEW_TARGETS then
      target.add(device.name)
    end
  end
  return stdnse.format_output(true, result)
end
