description = [[
Finds stations of telecontrol over IEC 60870-5-104 by their answer to a test frame. Asks for no data:
what starts their transfer (STARTDT) can take the station from its control centre.
]]
---
-- IEC 60870-5-104, 5.2: TESTFR may be sent before data are started, and is confirmed at once. STARTDT
-- of one connection stops the others of its redundancy group (10.2).
--
-- @output
-- | iec-identify:
-- |_  Protocol: IEC 60870-5-104

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

local services = { "iec-104" }
portrule = shortport.port_or_service(2404, services)

local test_act, test_con, apdus_max = "\x43\0\0\0", "\x83\0\0\0", 4

-- What stands behind start and length of the next APDU: control field and data; nil and the reason.
local function receive(socket)
  local status, head = socket:receive_buf(match.numbytes(2), true)
  if not status then
    return nil, head
  end
  local start, length = head:byte(1, 2)
  if start ~= 0x68 or length < 4 or length > 253 then
    return nil, "another answer"
  end
  local body
  status, body = socket:receive_buf(match.numbytes(length), true)
  return status and body or nil, body
end

-- Whether the test is confirmed; the station may test us at the same time.
local function confirms(socket)
  local body, reason
  for _ = 1, apdus_max do
    body, reason = receive(socket)
    if not body or body == test_con then
      break
    end
  end
  return body == test_con, reason or "another answer"
end

function action(host, port)
  local socket = nmap.new_socket()
  socket:set_timeout(5000)
  local status, reason = socket:connect(host, port)
  if status then
    socket:send("\x68\4" .. test_act)
    status, reason = confirms(socket)
    socket:close()
  end
  if not status then
    return asker.unanswered(port, services, reason)
  end
  port.version.name = "iec-104"
  nmap.set_port_version(host, port)
  local output = stdnse.output_table()
  output.Protocol = "IEC 60870-5-104"
  return output
end
