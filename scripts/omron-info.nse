description = [[
Shows what an Omron controller tells of itself over FINS: model, version, sizes of its memories. Reads
the data of the CPU unit (command 0501) and writes nothing; Omron's manual W342, 5-3-14.
]]
---
-- Over TCP a node address is asked for first (W421, 7-4). A controller may learn from a datagram where
-- our node is (W421, 5-2): the node's number is the last byte of our own address, as its default rule says.
--
-- @output
-- | omron-info:
-- |   Response Code: Normal completion (0x0000)
-- |   Controller Model: CS1G-CPU43
-- |   Controller Version: 04.10
-- |   Program Area Size: 20
-- |   IOM size: 23
-- |   No. DM Words: 65535
-- |   Timer/Counter: 8
-- |   Expansion DM Size: 1
-- |   No. of steps/transitions: 0
-- |   Kind of Memory Card: No Memory Card
-- |_  Memory Card Size: 0

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "version" }

identity = {}
volatile = {}

local asker = require "asker"
local match = require "match"
local nmap = require "nmap"
local shortport = require "shortport"
local stdnse = require "stdnse"

local services = { "fins", "omron-fins" }
portrule = shortport.port_or_service(9600, services, { "tcp", "udp" })

local frame_max, tries_max, answers_max, service_id = 2048, 2, 8, 0x4d
local all_in_use = { [0x20] = true, [0x21] = true }
local cards = { [0] = "No Memory Card", "SPRAM", "EPROM", "EEPROM", "Flash memory" }
local memories = { "Program Area Size", "IOM size", "No. DM Words", "Timer/Counter", "Expansion DM Size",
  "No. of steps/transitions", "Kind of Memory Card", "Memory Card Size" }

-- A command to the unit at the other end (network 0), from our node: header of 10 bytes, 0501, 00: of
-- all that it has (W342, 3-1-2).
local function command(to, from)
  return string.pack("BBBBBBBBBB", 0x80, 0, 2, 0, to, 0, 0, from, 0, service_id) .. "\5\1\0"
end

-- The answer behind header and command: end code and data; nil when it is another one's.
local function body_of(frame)
  local ours = #frame >= 14 and frame:byte(1) & 0x40 ~= 0 and frame:byte(10) == service_id
    and frame:sub(11, 12) == "\5\1"
  return ours and frame:sub(13) or nil
end

-- FINS/TCP: "FINS", the length of what follows, command, error.
local function wrapped(kind, data)
  return string.pack(">c4I4I4I4", "FINS", #data + 8, kind, 0) .. data
end

-- Kind, error and data of the next message; nil and the reason.
local function receive(socket)
  local status, head = socket:receive_buf(match.numbytes(16), true)
  if not status or head:sub(1, 4) ~= "FINS" then
    return nil, head
  end
  local _, length, kind, code = string.unpack(">c4I4I4I4", head)
  if length < 8 or length > frame_max then
    return nil, "another answer"
  end
  local data = ""
  if length > 8 then
    status, data = socket:receive_buf(match.numbytes(length - 8), true)
  end
  if not status then
    return nil, data
  end
  return kind, code, data
end

-- The node addresses of a connection: ours, the server's; nil and the reason.
local function join(socket)
  socket:send(wrapped(0, "\0\0\0\0"))
  local kind, code, data = receive(socket)
  if kind ~= 1 or code ~= 0 or #data < 8 then
    if kind and all_in_use[code] then
      socket:close()
      error("no answer, all connections of the controller are in use", 0)
    end
    return nil, kind and "another answer" or code
  end
  return data:byte(4), data:byte(8)
end

local function ask_tcp(socket)
  local from, to = join(socket)
  if not from then
    return nil, to
  end
  socket:send(wrapped(2, command(to, from)))
  local kind, reason, data = receive(socket)
  if not kind then
    -- it has given us an address, and is there
    socket:close()
    return asker.broken_off(reason)
  end
  return kind == 2 and body_of(data) or nil, "another answer"
end

local function ask_udp(socket)
  local _, ours = socket:get_info()
  local from = tonumber(tostring(ours):match("%.(%d+)$")) or 254
  local status, answer
  for _ = 1, tries_max do
    socket:send(command(0, from))
    for _ = 1, answers_max do
      status, answer = socket:receive()
      local body = status and body_of(answer)
      if body or not status then
        if body then
          return body
        end
        break
      end
    end
  end
  return nil, status and "another answer" or answer
end

local function text(bytes)
  return bytes:match("^[^%z]*"):gsub("[^ -~]", "?"):match("^%s*(.-)%s*$")
end

-- Model (20 bytes), version (20), for the system (40), then what memory there is.
local function table_of(body)
  local output = stdnse.output_table()
  local code = string.unpack(">I2", body)
  output["Response Code"] = ("%s (0x%04x)"):format(code == 0 and "Normal completion" or "Error", code)
  if code ~= 0 or #body < 42 then
    return output
  end
  output["Controller Model"] = text(body:sub(3, 22))
  output["Controller Version"] = text(body:sub(23, 42))
  local system = text(body:sub(43, 82))
  output["For System Use"] = system ~= "" and system or nil
  if #body >= 94 then
    local sizes = { string.unpack(">I2BI2BBI2BI2", body, 83) }
    for i, name in ipairs(memories) do
      output[name] = sizes[i]
    end
    local card = output["Kind of Memory Card"]
    output["Kind of Memory Card"] = cards[card] or ("Unknown (%d)"):format(card)
  end
  return output
end

function action(host, port)
  local udp = port.protocol == "udp"
  local socket = nmap.new_socket(udp and "udp" or "tcp")
  socket:set_timeout(3000)
  local status, reason = socket:connect(host, port)
  local body
  if status then
    body, reason = (udp and ask_udp or ask_tcp)(socket)
    socket:close()
  end
  if not body then
    return asker.unanswered(port, services, reason)
  end
  local output = table_of(body)
  nmap.set_port_state(host, port, "open")
  port.version.name, port.version.product = "fins", output["Controller Model"] and "Omron "
    .. output["Controller Model"] or nil
  nmap.set_port_version(host, port)
  return output
end
