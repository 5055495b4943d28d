description = [[
Shows the disks of a host and how warm they are, as the hddtemp daemon tells anyone who connects.
]]
---
-- @output
-- | hddtemp-info:
-- |_  /dev/sda: ST2000DM008-2FR102: 38 C

author = "Muster"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

identity = {}
-- a disk that sleeps has "SLP" and "*"
volatile = { "temperature", "unit" }

local asker = require "asker"
local drain = require "drain"
local shortport = require "shortport"

portrule = shortport.port_or_service(7634, "hddtemp", "tcp")

local disk_mt = {
  __tostring = function(disk)
    return ("%s: %s: %s %s"):format(disk.device, disk.label, disk.temperature, disk.unit)
  end,
}

-- "|/dev/sda|WDC WD2500JS|38|C||/dev/sdb|...": the separator is the first byte.
local function disks_of(text)
  local separator = text:sub(1, 1)
  if not separator:find("^%p$") then
    return {}
  end
  local field = "([^" .. "%" .. separator .. "]*)%" .. separator
  local disks = {}
  for device, label, temperature, unit in text:gmatch("%" .. separator .. field:rep(4)) do
    if #disks < 256 and device:find("^/") and not (device .. label .. temperature .. unit):find("%z")
      then
      disks[#disks + 1] = setmetatable({ device = device, label = label, temperature = temperature,
        unit = unit }, disk_mt)
    end
  end
  return disks
end

function action(host, port)
  local text, reason = drain.all(host, port, nil, { bytes_max = 16384 })
  local disks = disks_of(text or "")
  if #disks == 0 then
    return asker.unanswered(port, { "hddtemp" }, reason)
  end
  return disks
end
