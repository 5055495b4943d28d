description = [[
Shows what an EtherNet/IP device answers to List Identity (command 0x63): vendor, kind, name,
serial number, revision. CIP Networks Library, volume 2, 2-4.3.
]]
---
-- @output
-- | enip-info:
-- |   type: Communications Adapter (12)
-- |   vendor: Rockwell Automation/Allen-Bradley (1)
-- |   productName: ML-1400 Ethernet Module
-- |   serialNumber: 0x00c0ffee
-- |   productCode: 158
-- |   revision: 3.7
-- |   status: 0x0060
-- |   state: 0x03
-- |_  deviceIp: 192.0.2.1

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "version" }

identity = { "serialNumber" }
volatile = { "status", "state" }

local asker = require "asker"
local comm = require "comm"
local nmap = require "nmap"
local shortport = require "shortport"
local stdnse = require "stdnse"

local services = { "EtherNet-IP-2", "EtherNetIP-2" }
portrule = shortport.port_or_service(44818, services, { "tcp", "udp" })

-- Device types and vendor numbers as ODVA assigns them; those that are met most.
local types = {
  [0] = "Generic Device (deprecated)", [2] = "AC Drive", [3] = "Motor Overload",
  [4] = "Limit Switch", [5] = "Inductive Proximity Switch", [6] = "Photoelectric Sensor",
  [7] = "General Purpose Discrete I/O", [9] = "Resolver", [12] = "Communications Adapter",
  [14] = "Programmable Logic Controller", [16] = "Position Controller", [19] = "DC Drive",
  [21] = "Contactor", [22] = "Motor Starter", [23] = "Soft Start",
  [24] = "Human-Machine Interface", [26] = "Mass Flow Controller", [27] = "Pneumatic Valve",
  [28] = "Vacuum Pressure Gauge", [37] = "CIP Motion Drive", [38] = "CompoNet Repeater",
  [43] = "Generic Device", [44] = "Managed Switch",
}
local vendors = {
  [1] = "Rockwell Automation/Allen-Bradley", [5] = "Rockwell Automation/Reliance Electric",
  [26] = "Festo SE & Co KG", [34] = "Molex", [44] = "Danfoss", [47] = "OMRON Corporation",
  [48] = "Turck", [50] = "Hilscher GmbH", [90] = "HMS Industrial Networks AB",
  [161] = "Mitsubishi Electric Corporation", [243] = "Schneider Electric",
  [283] = "Hilscher GmbH", [356] = "Fanuc Robotics America", [562] = "Phoenix Contact",
}

local function named(list, number)
  return ("%s (%d)"):format(list[number] or "Unknown", number)
end

-- The first item of the answer: session header (24 bytes), item count, item type 0x0c, its length,
-- protocol version, socket address, then the identity object.
local function identity_of(answer)
  if #answer < 63 or answer:sub(1, 2) ~= "\x63\0" then
    return nil
  end
  local output = stdnse.output_table()
  local ip = ("%d.%d.%d.%d"):format(answer:byte(37, 40))
  local vendor, kind, code, major, minor, status, serial, at = string.unpack("<I2I2I2BBI2I4",
    answer, 49)
  local length = answer:byte(at)
  output.type = named(types, kind)
  output.vendor = named(vendors, vendor)
  output.productName = answer:sub(at + 1, at + length)
  output.serialNumber = ("0x%08x"):format(serial)
  output.productCode = code
  output.revision = ("%d.%d"):format(major, minor)
  output.status = ("0x%04x"):format(status)
  local state = answer:byte(at + 1 + length)
  output.state = state and ("0x%02x"):format(state)
  output.deviceIp = ip
  return output
end

function action(host, port)
  local request = "\x63" .. ("\0"):rep(23)
  local status, answer = comm.exchange(host, port, request, { timeout = 5000, bytes = 63, tries = 2 })
  local output = status and identity_of(answer)
  if not output then
    return asker.unanswered(port, services, answer)
  end
  port.version.name = "EtherNet-IP-2"
  port.version.product = output.productName
  nmap.set_port_version(host, port)
  return output
end
