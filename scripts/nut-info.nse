description = [[
Shows what a server of Network UPS Tools (upsd) tells without a login: its version, and of each power
supply who made it, model, serial number, firmware and battery.
]]
---
-- Asks VER, LIST UPS, and LIST VAR for at most eight supplies (RFC 9271, sections 4.2.5 and 4.2.11).
--
-- @output
-- | nut-info:
-- |   Version: 2.8.0
-- |   Supplies:
-- |     rack1:
-- |       Description: The rack's
-- |       Manufacturer: EATON
-- |       Model: Ellipse PRO 650
-- |       Serial: 000000000
-- |_      Firmware: 02.08.0010

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

portrule = shortport.port_or_service(3493, "nut", "tcp")

local supplies_max = 8

-- Key, the variable's names (the older one last).
local shown = {
  { "Manufacturer", "device.mfr", "ups.mfr" }, { "Model", "device.model", "ups.model" },
  { "Serial", "device.serial", "ups.serial" }, { "Type", "device.type" },
  { "Location", "device.location" }, { "Firmware", "ups.firmware" },
  { "Battery type", "battery.type" }, { "Battery date", "battery.date" },
  { "Nominal power", "ups.power.nominal" }, { "Driver", "driver.name" },
}

-- `"a \"quoted\" text"`, as the protocol writes it.
local function unquoted(text)
  return (text:gsub("\\(.)", "%1"))
end

local function ask(host, port, question, done)
  return drain.all(host, port, question .. "\n", { bytes_max = 65536, last = function(text)
    return text:find(done) ~= nil or text:find("\nERR ", 1, true) ~= nil or text:find("^ERR ") ~= nil
  end })
end

local function supplies_of(text)
  local list = {}
  for name, quoted in text:gmatch('\nUPS ([%w._%-]+) "([^\n]*)"') do
    if #list < supplies_max then
      list[#list + 1] = { name = name, description = unquoted(quoted) }
    end
  end
  return list
end

local function variables_of(text, name)
  local values, head = {}, "VAR " .. name .. " "
  for line in text:gmatch("[^\r\n]+") do
    if line:sub(1, #head) == head then
      local key, quoted = line:sub(#head + 1):match('^([%w._%-]+) "(.*)"$')
      values[key or ""] = quoted and unquoted(quoted)
    end
  end
  return values
end

local function supply(host, port, ups)
  local text, reason = ask(host, port, "LIST VAR " .. ups.name, "\nEND LIST VAR [^\n]*\n")
  if not text then
    asker.broken_off(reason)
  end
  local values, output = variables_of(text or "", ups.name), stdnse.output_table()
  output.Description = ups.description
  -- of a supply that its driver has lost the server tells no more
  output.State = (text or ""):match("^ERR (%u[%u-]*)")
  for _, item in ipairs(shown) do
    local value = values[item[2]] or values[item[3] or ""]
    output[item[1]] = value ~= "" and value or nil
  end
  return output
end

function action(host, port)
  local text, reason = ask(host, port, "VER\nLIST UPS", "\nEND LIST UPS\n")
  local version = (text or ""):match("^Network UPS Tools upsd v?([%w.+~_-]+)")
  if not version then
    return asker.unanswered(port, { "nut" }, reason)
  end
  local output, list = stdnse.output_table(), stdnse.output_table()
  output.Version = version
  for _, ups in ipairs(supplies_of(text)) do
    list[ups.name] = supply(host, port, ups)
    output.Supplies = list
  end
  greeting.store(host, port, { name = "nut", product = "Network UPS Tools upsd", version = version,
    cpe = { "cpe:/a:networkupstools:network_ups_tools:" .. version } })
  return output
end
