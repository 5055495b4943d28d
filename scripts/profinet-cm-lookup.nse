description = [[
Shows what a PROFINET IO device tells of itself: kind, order number, revisions, numbers of maker and device. Asks
its endpoint mapper for the first entry and connects to nothing.
]]
---
-- PROFINET IO: IEC 61158-6-10 (context management, endpoint mapper, annotation, object UUID). Remote
-- procedure calls: DCE 1.1, chapter 12 (connectionless PDUs), appendix O (endpoint mapper, ept_lookup).
--
-- @output
-- | profinet-cm-lookup:
-- |   Device type: S7-1200
-- |   Order id: 6ES7 214-1AG40-0XB0
-- |   Hardware revision: 8
-- |   Software revision: V4.5.2
-- |   Vendor id: 0x002a
-- |_  Device id: 0x010d

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "version" }

identity = {}
volatile = {}

local asker = require "asker"
local nmap = require "nmap"
local rand = require "rand"
local shortport = require "shortport"
local stdnse = require "stdnse"

local services = { "profinet-cm" }
portrule = shortport.port_or_service(34964, services, "udp")

local RESPONSE, header_size, lookup = 2, 80, 2
local tries_max, answers_max, annotation_max = 2, 8, 256
local mapper = "\x08\x83\xaf\xe1\x1f\x5d\xc9\x11\x91\xa4\x08\x00\x2b\x14\xa0\xfa"
local null_uuid = ("\0"):rep(16)
-- dea00000-6c97-11d1-8271-, then instance, device, vendor: little-endian as far as a UUID's numbers go
local io_object = "\x00\x00\xa0\xde\x97\x6c\xd1\x11\x82\x71"
local io_object_big = "\xde\xa0\x00\x00\x6c\x97\x11\xd1\x82\x71"

-- ept_lookup: all entries, object and interface given but null, any version, from the start, one entry.
local function request(activity)
  local body = string.pack("<I4I4", 0, 1) .. null_uuid .. string.pack("<I4", 2) .. null_uuid
    .. string.pack("<I2I2I4", 0, 0, 1) .. ("\0"):rep(20) .. string.pack("<I4", 1)
  -- version 4, request, idempotent, little-endian numbers, no object
  return "\4\0\x20\0\x10\0\0\0" .. null_uuid .. mapper .. activity
    .. string.pack("<I4I4I4I2I2I2I2I2BB", 0, 3, 0, lookup, 0xffff, 0xffff, #body, 0, 0, 0) .. body
end

-- The body of the answer to our call and its byte order for string.unpack; nil when it is another one.
local function body_of(answer, activity)
  if #answer < header_size or answer:byte(1) ~= 4 or answer:byte(2) ~= RESPONSE then
    return nil
  end
  local order = answer:byte(5) & 0x10 ~= 0 and "<" or ">"
  local theirs = answer:sub(41, 56)
  if order == ">" then
    local a, b, c = string.unpack(">I4I2I2", theirs)
    theirs = string.pack("<I4I2I2", a, b, c) .. theirs:sub(9)
  end
  local length = string.unpack(order .. "I2", answer, 75)
  return theirs == activity and answer:sub(header_size + 1, header_size + length) or nil, order
end

local function ask(socket)
  local activity, reason = rand.random_string(16), nil
  for _ = 1, tries_max do
    socket:send(request(activity))
    for _ = 1, answers_max do
      local status, answer = socket:receive()
      if not status then
        reason = answer
        break
      end
      local body, order = body_of(answer, activity)
      if body then
        return body, order
      end
      reason = "another answer"
    end
  end
  return nil, reason
end

local function trimmed(text)
  local s = text:gsub("[^ -~]", " "):match("^%s*(.-)%s*$")
  return s ~= "" and s or nil
end

-- Columns: kind (25), order number (20), hardware (5), each with a blank behind it, a letter and
-- three numbers of three digits.
local function add_annotation(output, text)
  output["Device type"] = trimmed(text:sub(1, 25))
  output["Order id"] = trimmed(text:sub(27, 46))
  output["Hardware revision"] = trimmed(text:sub(48, 52))
  local numbers = {}
  for number in text:sub(55, 63):gmatch("%d+") do
    numbers[#numbers + 1] = ("%d"):format(tonumber(number))
  end
  output["Software revision"] = #numbers > 0 and (trimmed(text:sub(54, 54)) or "") .. table.concat(numbers, ".") or nil
end

-- Handle (20), number of entries, bounds of the array (12), then the first entry: object, reference of
-- its tower, bounds of the annotation (8), annotation.
local function table_of(body, order)
  local output = stdnse.output_table()
  if #body < 64 or string.unpack(order .. "I4", body, 21) < 1 then
    return nil
  end
  local object = body:sub(37, 52)
  local length = string.unpack(order .. "I4", body, 61)
  if length > annotation_max or #body < 64 + length then
    return nil
  end
  add_annotation(output, body:sub(65, 64 + length):match("^[^%z]*"))
  if object:sub(1, 10) == (order == "<" and io_object or io_object_big) then
    local device, vendor = string.unpack(">I2I2", object, 13)
    output["Vendor id"] = ("0x%04x"):format(vendor)
    output["Device id"] = ("0x%04x"):format(device)
  end
  return #output > 0 and output or nil
end

function action(host, port)
  local socket = nmap.new_socket("udp")
  socket:set_timeout(3000)
  local status, reason = socket:connect(host, port)
  local body, order
  if status then
    body, order = ask(socket)
    reason = order
    socket:close()
  end
  local output = body and table_of(body, order)
  if not output then
    return asker.unanswered(port, services, body and "another answer" or reason)
  end
  nmap.set_port_state(host, port, "open")
  port.version.name, port.version.product = "profinet-cm", output["Order id"] or output["Device type"]
  nmap.set_port_version(host, port)
  return output
end
