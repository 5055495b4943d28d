description = [[
Shows what a printer tells of itself over IPP (RFC 8011, PWG 5100.13): make and model, name, place,
firmware, UUID, and the serial number in its IEEE 1284 device id. Reads attributes and prints
nothing.
]]
---
-- @args ipp-info.path  The printer's path ("/ipp/print", then "/ipp").
--
-- @output
-- | ipp-info:
-- |   Model: HP LaserJet Pro M404n
-- |   Name: LJ-3rd-floor
-- |   Location: 3rd floor
-- |   Serial: PHCDB12345
-- |   Firmware: 002_2031A
-- |   UUID: urn:uuid:11111111-2222-3333-4444-555555555555
-- |   IPP versions: 1.1, 2.0
-- |_  Authentication: none

author = "Muster"
license = "Apache-2.0"
categories = { "safe", "discovery", "default" }

identity = { "UUID", "Serial" }
volatile = {}

local asker = require "asker"
local api = require "http.api"
local ipp = require "ipp"
local shortport = require "shortport"
local stdnse = require "stdnse"
local stringaux = require "stringaux"

portrule = shortport.port_or_service(631, { "ipp", "ipps" }, "tcp", "open")

-- The values of an IEEE 1284 device id: "MFG:HP;MDL:LaserJet;SN:PHC123;".
local function id_value(device_id, ...)
  for _, key in ipairs({ ... }) do
    local value = (";" .. device_id):match(";%s*" .. key .. ":%s*([^;]+)")
    if value then
      return value
    end
  end
end

local function text(value)
  value = value and stringaux.trim_end((tostring(value):sub(1, 200):gsub("%c", ".")))
  return value ~= "" and value or nil
end

local function joined(list)
  local values = {}
  for i, value in ipairs(list or {}) do
    values[i] = tostring(value)
  end
  return #values > 0 and table.concat(values, ", ") or nil
end

local function printer_table(printer)
  local output = stdnse.output_table()
  local device_id = tostring(printer.device_id or "")
  output.Model = text(printer.model) or text(id_value(device_id, "MDL", "MODEL"))
  output.Manufacturer = text(id_value(device_id, "MFG", "MANUFACTURER"))
  output.Name = text(printer.dns_sd_name) or text(printer.name)
  output.Info = text(printer.info)
  output.Location = text(printer.location)
  output.Serial = text(printer.serial) or text(id_value(device_id, "SN", "SERN", "SERIALNUMBER"))
  output.Firmware = text(printer.firmware)
  output.UUID = text(printer.uuid)
  output["IPP versions"] = joined(printer.versions)
  output.Authentication = joined(printer.authentication)
  return output
end

function action(host, port)
  local given = stdnse.get_script_args(SCRIPT_NAME .. ".path")
  local helper = ipp.Helper:new(host, port)
  for _, path in ipairs(given and { given } or { "/ipp/print", "/ipp" }) do
    local status, printer = helper:getPrinterAttributes(path)
    if status then
      local output = printer_table(printer)
      return #output > 0 and output or nil
    end
    asker.check_busy(printer, table.unpack(ipp.busy))
    api.first_or_refused(host, port, { ["status-line"] = printer })
  end
  return nil
end
