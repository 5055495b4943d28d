description = [[
Shows what a HART-IP server (gateways of transmitters and valves, multiplexers) tells of itself: tag, maker,
type, device id, revisions. Opens a session, asks for the identity (command 0) and the long tag (command 20), and
closes it.
]]
---
-- Messages: FieldComm Group FCG TS20085 (HART-IP), 6; frames and commands: TS20081, TS20127.
--
-- @output
-- | hartip-info:
-- |   Long tag: GATEWAY-7
-- |   Manufacturer id: 0x0026
-- |   Expanded device type: 0x26fe
-- |   Device id: 01020a
-- |   Unique address: 26fe01020a
-- |   HART revision: 7
-- |   Device revision: 3
-- |   Software revision: 12
-- |_  Hardware revision: 2

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "version" }

identity = { "Unique address" }
volatile = {}

local asker = require "asker"
local match = require "match"
local nmap = require "nmap"
local shortport = require "shortport"
local stdnse = require "stdnse"

local services = { "hart-ip" }
portrule = shortport.port_or_service(5094, services, { "tcp", "udp" })

local INITIATE, CLOSE, PASS = 0, 1, 3
local REQUEST, RESPONSE = 0, 1
local sessions_in_use = 15
local message_max, answers_max, tries_max = 1024, 8, 2

-- Version 1, kind, id, status, number, length with this header.
local function message(id, number, body)
  return string.pack(">BBBBI2I2", 1, REQUEST, id, 0, number, #body + 8) .. body
end

-- A frame without preamble ends with the XOR of all its bytes.
local function frame(bytes)
  local sum = 0
  for i = 1, #bytes do
    sum = sum ~ bytes:byte(i)
  end
  return bytes .. string.char(sum)
end

-- A message from the socket: datagrams come whole. nil and the reason.
local function receive(socket, udp)
  local status, head = true, nil
  if udp then
    status, head = socket:receive()
  else
    status, head = socket:receive_buf(match.numbytes(8), true)
  end
  if not status then
    return nil, head
  elseif #head < 8 or head:byte(1) ~= 1 then
    return nil, "another answer"
  end
  local length = string.unpack(">I2", head, 7)
  if length < 8 or length > message_max or udp and length > #head then
    return nil, "another answer"
  elseif udp or length == 8 then
    return head:sub(1, length)
  end
  local body
  status, body = socket:receive_buf(match.numbytes(length - 8), true)
  return status and head .. body or nil, body
end

-- Status and body of the answer to a message; nil and the reason. What is published meanwhile, and
-- answers to others, are passed over.
local function ask_once(socket, udp, id, number, body)
  socket:send(message(id, number, body))
  for _ = 1, answers_max do
    local answer, reason = receive(socket, udp)
    if not answer then
      return nil, reason
    end
    local _, kind, its_id, status, its_number = string.unpack(">BBBBI2", answer)
    if kind == RESPONSE and its_id == id and its_number == number then
      return status, answer:sub(9)
    end
  end
  return nil, "another answer"
end

local function ask(socket, udp, id, number, body)
  local status, answer
  for _ = 1, udp and tries_max or 1 do
    status, answer = ask_once(socket, udp, id, number, body)
    if status or answer ~= "TIMEOUT" then
      break
    end
  end
  return status, answer
end

-- A session as the first master that is closed after 30 s of silence: true, or nil and the reason.
local function open(socket, udp)
  local status, answer = ask(socket, udp, INITIATE, 1, "\1" .. string.pack(">I4", 30000))
  if status == sessions_in_use then
    socket:close()
    error("no answer, all sessions are in use", 0)
  end
  return status and true, answer
end

-- The data of the answer to a command, behind response code and device status; nil where there is
-- none. `address` with its delimiter: "\2\x80" (polling address 0), or "\x82" and five bytes.
local function command(socket, udp, number, address, code)
  local status, answer = ask(socket, udp, PASS, number, frame(address .. string.char(code) .. "\0"))
  if not status then
    socket:close()
    asker.broken_off(answer)
    return nil
  end
  local at = #address + 1
  if #answer < at + 4 or answer:byte(1) & 7 ~= 6 or answer:byte(at) ~= code then
    return nil
  end
  local length = answer:byte(at + 1)
  if #answer < at + 1 + length or answer:byte(at + 2) & 0x80 ~= 0 then
    return nil
  end
  return answer:sub(at + 4, at + 1 + length)
end

-- Texts are ISO 8859-1, filled up with NUL or blanks.
local function tag_of(bytes)
  local text = (bytes or ""):sub(1, 32):match("^[^%z]*"):match("^%s*(.-)%s*$")
  text = text:gsub("[^ -~\xa0-\xff]", "?"):gsub("[\x80-\xff]", function(c)
    return utf8.char(c:byte())
  end)
  return text:find("[^?]") and text or nil
end

-- Command 0: expansion 254, expanded type (2), preambles, revisions: HART, device, software, hardware in
-- the upper 5 bits; flags, device id (3); since HART 7 the maker at byte 17.
local function table_of(data, tag)
  local output = stdnse.output_table()
  local kind, _, hart, device, software, hardware = string.unpack(">I2BBBBB", data, 2)
  output["Long tag"] = tag
  if hart >= 7 and #data >= 19 then
    output["Manufacturer id"] = ("0x%04x"):format(string.unpack(">I2", data, 18))
  end
  output["Expanded device type"] = ("0x%04x"):format(kind)
  output["Device id"] = stdnse.tohex(data:sub(10, 12))
  output["Unique address"] = stdnse.tohex(data:sub(2, 3) .. data:sub(10, 12))
  output["HART revision"] = hart
  output["Device revision"] = device
  output["Software revision"] = software
  output["Hardware revision"] = hardware >> 3
  return output
end

local function questions(socket, udp)
  local opened, reason = open(socket, udp)
  if not opened then
    return nil, reason
  end
  local data, tag = command(socket, udp, 2, "\2\x80", 0), nil
  if data and #data >= 12 and data:byte(1) == 254 then
    local address = string.char(0x82, data:byte(2) & 0x3f | 0x80) .. data:sub(3, 3) .. data:sub(10, 12)
    tag = tag_of(command(socket, udp, 3, address, 20))
  else
    data = nil
  end
  socket:send(message(CLOSE, 4, ""))
  return data and table_of(data, tag), "another answer"
end

function action(host, port)
  local udp = port.protocol == "udp"
  local socket = nmap.new_socket(udp and "udp" or "tcp")
  socket:set_timeout(3000)
  local status, reason = socket:connect(host, port)
  local output
  if status then
    output, reason = questions(socket, udp)
    socket:close()
  end
  if not output then
    return asker.unanswered(port, services, reason)
  end
  nmap.set_port_state(host, port, "open")
  port.version.name = "hart-ip"
  nmap.set_port_version(host, port)
  return output
end
