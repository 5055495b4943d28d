description = [[
Shows what a BACnet device tells of itself: vendor, model, firmware, names, place. Reads properties
of the device object and writes nothing (ANSI/ASHRAE 135, BACnet/IP).
]]
---
-- @output
-- | bacnet-info:
-- |   Vendor ID: ASHRAE (0)
-- |   Object-identifier: 4194
-- |   Firmware: 2.1.5
-- |   Application Software: 7.3
-- |   Object Name: AHU-3
-- |   Model Name: Controller 200
-- |   Description: air handling unit
-- |_  Location: roof

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "version" }

identity = { "Object-identifier" }
volatile = {}

local nmap = require "nmap"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.port_or_service(47808, "bacnet", "udp")

-- Property identifiers (clause 21).
local properties = {
  { "Vendor ID", 120 }, { "Vendor Name", 121 }, { "Object-identifier", 75 }, { "Firmware", 44 },
  { "Application Software", 12 }, { "Object Name", 77 }, { "Model Name", 70 },
  { "Description", 28 }, { "Location", 58 },
}

-- ReadProperty of the device whose instance is not known (4194303), confirmed, no segmentation.
local function request(property)
  local apdu = "\0\5\1\x0c\x0c\2\x3f\xff\xff\x19" .. string.char(property)
  return string.pack(">BBI2", 0x81, 0x0a, #apdu + 6) .. "\1\4" .. apdu
end

-- The value of an application tag: unsigned, character string, object identifier.
local function tagged(bytes, at)
  local tag = bytes:byte(at)
  if not tag then
    return nil
  end
  local kind, length = tag >> 4, tag & 7
  at = at + 1
  if length == 5 then
    length, at = bytes:byte(at) or 0, at + 1
    if length == 254 and at + 1 <= #bytes then
      length, at = string.unpack(">I2", bytes, at)
    end
  end
  local value = bytes:sub(at, at + length - 1)
  if #value < length then
    return nil
  elseif kind == 2 and length >= 1 and length <= 4 then
    return (string.unpack(">I" .. length, value))
  elseif kind == 7 and length >= 1 then
    return value:byte(1) == 0 and value:sub(2) or nil
  elseif kind == 12 and length == 4 then
    return string.unpack(">I4", value) & 0x3fffff
  end
end

-- A complex acknowledgement: BVLC (4), NPDU (2), 30 01 0c, object, property, opening tag 3e.
local function answer_value(answer)
  if #answer < 17 or answer:byte(1) ~= 0x81 or answer:byte(7) >> 4 ~= 3 then
    return nil
  end
  local at = answer:find("\x3e", 10, true)
  return at and tagged(answer, at + 1)
end

local function ask(socket, property)
  if not socket:send(request(property)) then
    return nil, "send"
  end
  local status, answer = socket:receive()
  if not status then
    return nil, "silent"
  end
  return answer_value(answer)
end

function action(host, port)
  local socket = nmap.new_socket("udp")
  socket:set_timeout(3000)
  if not socket:connect(host, port) then
    return nil
  end
  local output, any = stdnse.output_table(), false
  for _, property in ipairs(properties) do
    local value, why = ask(socket, property[2])
    if why == "silent" and not any then
      break
    end
    if value and value ~= "" then
      output[property[1]], any = value, true
    end
  end
  socket:close()
  if not any then
    return nil
  end
  if math.type(output["Vendor ID"]) and output["Vendor Name"] then
    output["Vendor ID"] = ("%s (%d)"):format(output["Vendor Name"], output["Vendor ID"])
  end
  nmap.set_port_state(host, port, "open")
  return output
end
