description = [[
Shows what a Siemens S7 controller tells of itself: order number, firmware, names, serial number.
Reads two system status lists (SZL 0x0011 and 0x001c) and writes nothing.
]]
---
-- The session is ISO on TCP (RFC 1006) with COTP (ISO 8073), as Siemens' manuals of system
-- functions describe the lists within.
--
-- @output
-- | s7-info:
-- |   Module: 6ES7 420-2FB01-0AB0
-- |   Basic Hardware: 6ES7 420-2FB01-0AB0
-- |   Version: 2.4.8
-- |   System Name: line 3
-- |   Module Type: CPU 315-2 DP
-- |   Serial Number: S C-A1B234567890
-- |_  Copyright: Original Siemens Equipment

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "version" }

identity = { "Serial Number" }
volatile = {}

local asker = require "asker"
local match = require "match"
local nmap = require "nmap"
local shortport = require "shortport"
local stdnse = require "stdnse"
local stringaux = require "stringaux"

portrule = shortport.version_port_or_service({ 102 }, "iso-tsap")

local packet_max = 4096

local function tpkt(payload)
  return string.pack(">BBI2", 3, 0, #payload + 4) .. payload
end

-- COTP connection request to a rack and slot: source and destination TSAP, size of a TPDU.
local function connect_request(tsap)
  return tpkt("\x11\xe0\0\0\0\x14\0\xc0\1\x0a\xc1\2\1\0\xc2\2" .. string.pack(">I2", tsap))
end

-- A COTP data TPDU with an S7 message: kind 1 a job, 7 user data.
local function message(kind, parameters, data)
  return tpkt("\2\xf0\x80" .. string.pack(">BBI2I2I2I2", 0x32, kind, 0, 1, #parameters, #data)
    .. parameters .. data)
end

local setup = message(1, "\xf0\0\0\1\0\1\1\xe0", "")
local function read_list(id, index)
  return message(7, "\0\1\x12\4\x11\x44\1\0", "\xff\9\0\4" .. string.pack(">I2I2", id, index))
end

local function receive(socket)
  local status, head = socket:receive_buf(match.numbytes(4), true)
  if not status or head:byte(1) ~= 3 then
    return nil, head
  end
  local length = string.unpack(">I2", head, 3) - 4
  if length < 1 or length > packet_max then
    return nil
  end
  local body
  status, body = socket:receive_buf(match.numbytes(length), true)
  return status and body or nil, body
end

local function ask(socket, request)
  socket:send(request)
  return receive(socket)
end

-- A session with one of the usual places of a controller: rack 0 slot 2 (S7-300), rack 0 slot 0; or
-- nil and the reason.
local function open(host, port)
  local first
  for _, tsap in ipairs({ 0x0102, 0x0100, 0x0200 }) do
    local socket = nmap.new_socket()
    socket:set_timeout(5000)
    local status, reason = socket:connect(host, port)
    if not status then
      return nil, first or reason
    end
    local confirm
    confirm, reason = ask(socket, connect_request(tsap))
    if confirm and confirm:byte(2) == 0xd0 then
      local answer
      answer, reason = ask(socket, setup)
      if answer and answer:byte(4) == 0x32 then
        return socket
      end
    end
    socket:close()
    first = first or reason
  end
  return nil, first
end

-- The records of a list: index -> bytes. They stand behind COTP (3), the header (10), parameters
-- and 4 bytes of data header, list id and index, length and number of records.
local function records(body)
  if not body or #body < 34 or body:byte(4) ~= 0x32 then
    return {}
  end
  local parameters = string.unpack(">I2", body, 10)
  local at = 14 + parameters + 4
  if #body < at + 8 then
    return {}
  end
  local _, _, size, count, first = string.unpack(">I2I2I2I2", body, at)
  local list = {}
  for i = 0, count - 1 do
    local from = first + i * size
    if size < 3 or from + size - 1 > #body then
      break
    end
    list[string.unpack(">I2", body, from)] = body:sub(from + 2, from + size - 1)
  end
  return list
end

local function text(bytes, length)
  local s = bytes and stringaux.trim_end(bytes:sub(1, length or #bytes):match("^[^%z]*"))
  return s and s ~= "" and s or nil
end

local function version_of(record)
  return record and #record >= 26 and ("%d.%d.%d"):format(record:byte(24, 26)) or nil
end

function action(host, port)
  local socket, reason = open(host, port)
  if not socket then
    return asker.unanswered(port, { "iso-tsap" }, reason)
  end
  local lists = {}
  for i, number in ipairs({ 0x0011, 0x001c }) do
    lists[i], reason = ask(socket, read_list(number, 0))
    -- one that has no such list says so
    if not lists[i] and asker.is_loss(reason) then
      socket:close()
      asker.broken_off(reason)
    end
  end
  socket:close()
  local modules, names = records(lists[1]), records(lists[2])
  local output = stdnse.output_table()
  output.Module = text(modules[1], 20)
  output["Basic Hardware"] = text(modules[6], 20)
  output.Version = version_of(modules[7])
  output["System Name"] = text(names[1], 24)
  output["Module Type"] = text(names[7], 32)
  output["Serial Number"] = text(names[5], 24)
  output["Plant Identification"] = text(names[3], 32)
  output.Copyright = text(names[4], 26)
  return #output > 0 and output or nil
end
