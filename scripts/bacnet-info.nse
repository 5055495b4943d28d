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

local asker = require "asker"
local nmap = require "nmap"
local shortport = require "shortport"
local stdnse = require "stdnse"
local unicode = require "unicode"

portrule = shortport.port_or_service(47808, "bacnet", "udp")

-- Property identifiers (clause 21).
local properties = {
  { "Vendor ID", 120 }, { "Vendor Name", 121 }, { "Object-identifier", 75 }, { "Firmware", 44 },
  { "Application Software", 12 }, { "Object Name", 77 }, { "Model Name", 70 },
  { "Description", 28 }, { "Location", 58 },
}

local tries_max, answers_max = 3, 20

-- ReadProperty of the device whose instance is not known (4194303), confirmed, no segmentation.
local function request(id, property)
  local apdu = "\0\5" .. string.char(id) .. "\x0c\x0c\2\x3f\xff\xff\x19" .. string.char(property)
  return string.pack(">BBI2", 0x81, 0x0a, #apdu + 6) .. "\1\4" .. apdu
end

-- Character strings by their set (clause 20.2.9): UTF-8, UCS-2, ISO 8859-1; others need tables.
local decoders = {
  [0] = function(bytes)
    return bytes
  end,
  [4] = function(bytes)
    return unicode.transcode(bytes, unicode.utf16_dec, unicode.utf8_enc, true)
  end,
  [5] = function(bytes)
    return (bytes:gsub("[\x80-\xff]", function(c)
      return utf8.char(c:byte())
    end))
  end,
}

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
    local decode = decoders[value:byte(1)]
    return decode and decode(value:sub(2))
  elseif kind == 12 and length == 4 then
    return string.unpack(">I4", value) & 0x3fffff
  end
end

-- What follows the address of the network layer (clause 6.2): whose answer it is when a router
-- stands between, or to whom.
local function apdu_of(answer)
  if #answer < 9 or answer:byte(1) ~= 0x81 then
    return ""
  end
  local control, at = answer:byte(6), 7
  for _, bit in ipairs({ 0x20, 0x08 }) do
    if control & bit ~= 0 then
      at = at + 3 + (answer:byte(at + 2) or 0)
    end
  end
  -- a destination has a hop count behind both
  return answer:sub(control & 0x20 ~= 0 and at + 1 or at)
end

-- Whether this is the answer to the request, and the value that it has: a complex acknowledgement
-- is 30, the number, 0c; object (0c), property (19 or 1a), an index (29) or not, opening tag 3e.
local function read_answer(answer, id, property)
  local apdu = apdu_of(answer)
  local kind = #apdu >= 3 and apdu:byte(2) == id and apdu:byte(1) >> 4
  if kind ~= 3 then
    -- error, reject, abort
    return kind and kind >= 5 and kind <= 7 or false
  end
  local about, at = apdu:match("^..\x0c\x0c....\x19(.)()")
  if not about then
    about, at = apdu:match("^..\x0c\x0c....\x1a\0(.)()")
  end
  if about ~= string.char(property) then
    return false
  end
  at = apdu:match("^%\x29.()", at) or at
  return true, apdu:byte(at) == 0x3e and tagged(apdu, at + 1) or nil
end

-- The answer to one request, or false: answers to others are passed over.
local function receive_answer(socket, id, property)
  for _ = 1, answers_max do
    local status, answer = socket:receive()
    if not status then
      return false, answer
    end
    local ours, value = read_answer(answer, id, property)
    if ours then
      return true, value
    end
  end
  return false
end

local function ask(socket, id, property)
  local reason
  for _ = 1, tries_max do
    socket:send(request(id, property))
    local status, value = receive_answer(socket, id, property)
    if status then
      return true, value
    end
    reason = value
  end
  return false, reason
end

-- The values by name; nil and the reason when the host says nothing to the first request.
local function ask_all(socket)
  local output = stdnse.output_table()
  for id, property in ipairs(properties) do
    local status, value = ask(socket, id, property[2])
    if not status and id == 1 then
      return nil, value
    elseif not status then
      socket:close()
      error("no answer for " .. property[1], 0)
    end
    output[property[1]] = value ~= "" and value or nil
  end
  return output
end

function action(host, port)
  local socket = nmap.new_socket("udp")
  socket:set_timeout(3000)
  if not socket:connect(host, port) then
    return nil
  end
  local output, reason = ask_all(socket)
  socket:close()
  if not output then
    return asker.unanswered(port, { "bacnet" }, reason)
  elseif #output == 0 then
    return nil
  end
  if math.type(output["Vendor ID"]) and output["Vendor Name"] then
    output["Vendor ID"] = ("%s (%d)"):format(output["Vendor Name"], output["Vendor ID"])
  end
  nmap.set_port_state(host, port, "open")
  return output
end
