description = [[
Asks the link by multicast which devices speak WS-Discovery: Windows machines, printers, cameras.
]]
---
-- @output
-- | broadcast-wsdd-discover:
-- |   Devices
-- |     192.0.2.16
-- |         Message id: 6c1e5f0a-93d4-4b7e-8a21-0f5d3c9b7e64
-- |         Address: http://192.0.2.16:50000
-- |_        Type: Device wprt:PrintDeviceType

author = "Muster"
license = "Apache-2.0"
categories = { "broadcast", "safe", "discovery" }

identity = {}
volatile = { "*" }

local stdnse = require "stdnse"
local target = require "target"
local wsdd = require "wsdd"

prerule = function()
  return true
end

function action()
  local status, found = wsdd.Helper:new():discover()
  if not status then
    return nil
  end
  table.sort(found, function(a, b)
    return (a.ip or "") .. (a.endpoint or "") < (b.ip or "") .. (b.endpoint or "")
  end)
  local devices = { name = "Devices" }
  for i, match in ipairs(found) do
    devices[i] = { name = match.ip or "?", wsdd.lines_of(match) }
    if target.ALLOW_NEW_TARGETS and match.ip then
      target.add(match.ip)
    end
  end
  return stdnse.format_output(true, { devices })
end
