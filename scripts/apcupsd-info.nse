description = [[
Shows what the daemon of APC's power supplies (apcupsd) tells anyone who asks for its state: version,
host, model, serial number, firmware, battery.
]]
---
-- Asks "status", which is answered in lines with their lengths before them (Apcupsd User Manual, "NIS
-- Network Server Protocol").
--
-- @output
-- | apcupsd-info:
-- |   Version: 3.14.14
-- |   Host name: web1
-- |   UPS name: rack1
-- |_  Model: Smart-UPS 1500

author = "Muster"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

-- The serial number is the supply's: every host that passes its state on shows the same one.
identity = {}
volatile = {}

local asker = require "asker"
local drain = require "drain"
local greeting = require "greeting"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.port_or_service(3551, { "apcupsd" }, "tcp")

-- Key, the name in the answer.
local shown = {
  { "Host name", "HOSTNAME" }, { "UPS name", "UPSNAME" }, { "Driver", "DRIVER" },
  { "Cable", "CABLE" }, { "Mode", "UPSMODE" }, { "Master", "MASTER" }, { "Model", "MODEL" },
  { "Serial", "SERIALNO" }, { "Firmware", "FIRMWARE" }, { "Battery date", "BATTDATE" },
  { "Manufactured", "MANDATE" }, { "Nominal power", "NOMPOWER" },
}

-- The lines of an answer, which ends with one of length 0; and whether it has.
local function lines_of(text)
  local lines, at = {}, 1
  while at + 1 <= #text do
    local length = string.unpack(">I2", text, at)
    if length == 0 then
      return lines, true
    elseif at + 1 + length > #text then
      break
    end
    lines[#lines + 1] = text:sub(at + 2, at + 1 + length)
    at = at + 2 + length
  end
  return lines, false
end

local function values_of(text)
  local values = {}
  for _, line in ipairs((lines_of(text))) do
    local key, value = line:match("^(%u[%u%d ]*): (.*)")
    value = value and value:match("^.*%S")
    if value and value ~= "N/A" then
      values[key:match("^.*%S")] = value
    end
  end
  return values
end

function action(host, port)
  local text, reason = drain.all(host, port, string.pack(">s2", "status"), { bytes_max = 16384,
    last = function(so_far)
      return select(2, lines_of(so_far)) or #so_far > 1 and not so_far:find("^\0")
    end })
  local values = values_of(text or "")
  if not (values.APC and values.VERSION) then
    return asker.unanswered(port, { "apcupsd" }, reason)
  end
  local output = stdnse.output_table()
  output.Version = values.VERSION:match("%S+")
  -- of a supply that it has lost the daemon tells little more
  output.State = (values.STATUS or ""):match("COMMLOST")
  for _, item in ipairs(shown) do
    output[item[1]] = values[item[2]]
  end
  greeting.store(host, port, { name = "apcupsd", product = "apcupsd", version = output.Version,
    cpe = { "cpe:/a:apcupsd:apcupsd:" .. output.Version } })
  return output
end
