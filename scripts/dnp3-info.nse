description = [[
Finds outstations of DNP3 (electricity, water) and shows their address and, where they tell it, maker, model,
serial number and software. Asks for the status of the link at the address that every outstation may have
for this and at those that are usual, and reads the device attributes of the one that answers.
]]
---
-- IEEE 1815-2012: request for the link's status 9.2.4.1.3, self-address 0xfffc 9.2.5.2.3, device
-- attributes A.1. An outstation is silent to other addresses than its own.
--
-- @args dnp3-info.address  The outstation's address, in place of the usual ones.
--
-- @output
-- | dnp3-info:
-- |   Outstation address: 10
-- |   Manufacturer: Lab
-- |   Product: RTU 32
-- |   Serial number: 4711
-- |_  Software version: 6.02

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "version" }

identity = { "Serial number" }
volatile = {}

local asker = require "asker"
local dnp3 = require "dnp3"
local nmap = require "nmap"
local shortport = require "shortport"
local stdnse = require "stdnse"

local services = { "dnp", "dnp3" }
portrule = shortport.port_or_service(20000, services)

-- The outstation's address, and the master's, for some look whether it is theirs.
local usual = { { 0xfffc, 1 }, { 0, 1 }, { 1, 100 }, { 2, 1 }, { 3, 1 }, { 4, 3 }, { 10, 1 }, { 100, 1 },
  { 1024, 1 } }
local pieces_max, bytes_max, text_max = 32, 8192, 200

-- Variations of group 0 that name the device.
local names = {
  { "Manufacturer", 252 }, { "Product", 250 }, { "Serial number", 248 }, { "Software version", 242 },
  { "Hardware version", 243 }, { "Device name", 247 }, { "Location", 245 }, { "User id", 246 },
}

-- What the outstation says until done(frame); true, or nil and the reason. What is no frame is no DNP3.
local function listen(socket, done)
  local bytes, at = "", 1
  for _ = 1, pieces_max do
    local status, piece = socket:receive()
    if not status then
      return nil, piece
    end
    bytes = bytes .. piece
    if bytes:byte(1) ~= 5 or #bytes > bytes_max then
      return nil, "another answer"
    end
    local frame, after = dnp3.next_frame(bytes, at)
    while frame do
      at = after
      if dnp3.is_of_outstation(frame) and done(frame) then
        return true
      end
      frame, after = dnp3.next_frame(bytes, at)
    end
  end
  return nil, "another answer"
end

-- The addresses { outstation, master } of an outstation that answers at one of these; nil and the reason.
local function find(socket, pairs_of_addresses)
  local frames, found = {}, nil
  for i, pair in ipairs(pairs_of_addresses) do
    frames[i] = dnp3.frame(dnp3.REQUEST_LINK_STATUS, pair[1], pair[2])
  end
  socket:send(table.concat(frames))
  local _, reason = listen(socket, function(frame)
    found = dnp3.is_link_status(frame) and { frame.source, frame.destination } or nil
    return found ~= nil
  end)
  return found, reason
end

-- The texts that the outstation tells of itself; none where it does not answer this, but does answer
-- for its link.
local function attributes(socket, pair)
  local segments = {}
  socket:send(dnp3.frame(dnp3.UNCONFIRMED_USER_DATA, pair[1], pair[2], dnp3.attributes_request()))
  local status, reason = listen(socket, function(frame)
    if frame.source ~= pair[1] or #frame.data < 2 then
      return false
    elseif frame.data:byte(1) & 0x40 ~= 0 then
      segments = {}
    end
    segments[#segments + 1] = frame.data
    return frame.data:byte(1) & 0x80 ~= 0 and dnp3.response(segments) ~= nil
  end)
  if not status then
    if not find(socket, { pair }) then
      socket:close()
      asker.broken_off(reason)
    end
    return {}
  end
  local _, _, objects = dnp3.response(segments)
  return dnp3.attributes(objects)
end

local function connected(host, port)
  local socket = nmap.new_socket()
  socket:set_timeout(4000)
  local status, reason = socket:connect(host, port)
  return status and socket, reason
end

local function addresses()
  local given = math.tointeger(stdnse.get_script_args(SCRIPT_NAME .. ".address"))
  return given and { { given & 0xffff, 1 } } or usual
end

function action(host, port)
  local socket, reason = connected(host, port)
  local pair
  if socket then
    pair, reason = find(socket, addresses())
  end
  if not pair then
    return asker.unanswered(port, services, reason)
  end
  local output, texts = stdnse.output_table(), attributes(socket, pair)
  socket:close()
  output["Outstation address"] = pair[1]
  for _, name in ipairs(names) do
    local text = (texts[name[2]] or ""):match("^[^%z]*"):sub(1, text_max):gsub("%c", "?")
    output[name[1]] = text ~= "" and text or nil
  end
  port.version.name, port.version.product = "dnp", output.Product
  nmap.set_port_version(host, port)
  return output
end
