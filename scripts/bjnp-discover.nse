description = [[
Shows what a network printer or scanner of Canon tells of itself over BJNP: maker, model, firmware,
serial number.
]]
---
-- @output
-- | bjnp-discover:
-- |   Manufacturer: Canon
-- |   Model: TS5350 series
-- |   Description: Canon TS5350 series
-- |   Firmware version: 2.030
-- |_  Command: BJL,BJRaster,IVEC

author = "Muster"
license = "Apache-2.0"
categories = { "safe", "discovery" }

identity = { "Serial", "MAC address" }
volatile = {}

local bjnp = require "bjnp"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.portnumber({ 8611, 8612 }, "udp", { "open", "open|filtered" })

-- The hardware address, or nil where the device gives none. A device that has fallen silent
-- altogether may have one.
local function address_of(helper, device)
  for _ = 1, 2 do
    local found, who = helper:discover(device)
    if found then
      return who[1].mac
    elseif not helper:identity(device) then
      helper:close()
      error("no answer after the identity", 0)
    end
  end
end

function action(host, port)
  local device = port.number == 8611 and bjnp.device.PRINTER or bjnp.device.SCANNER
  local helper = bjnp.Helper:new(host, port, { timeout = 3, tries = 3 })
  if not helper:connect() then
    return nil
  end
  local status, lines = helper:identity(device)
  if not status then
    helper:close()
    return nil
  end
  nmap.set_port_state(host, port, "open")
  local output = stdnse.output_table()
  for _, line in ipairs(lines) do
    local key, value = line:match("^(.-): (.*)$")
    output[key] = value
  end
  output["MAC address"] = address_of(helper, device)
  helper:close()
  return output
end
