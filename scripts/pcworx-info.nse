description = [[
Shows what a controller of Phoenix Contact (ILC, AXC with PC Worx) tells of itself: kind, article number,
firmware. Opens a session, asks for its identity and writes nothing.
]]
---
-- The protocol has no public specification. What is used here was seen on the wire: each message begins
-- with its kind and its length, answers have bit 80 set, the answer to the first has the session's number.
--
-- @output
-- | pcworx-info:
-- |   PLC Type: AXC 1050
-- |   Model Number: 2700988
-- |   Firmware Version: 5.01
-- |   Firmware Date: Jun 14 2017
-- |_  Firmware Time: 11:20:35

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "version" }

identity = {}
volatile = {}

local asker = require "asker"
local nmap = require "nmap"
local shortport = require "shortport"
local stdnse = require "stdnse"

local services = { "pcworx" }
portrule = shortport.port_or_service(1962, services)

local open_session = "\1\1\0\x1a\0\0\0\0\x78\x80\0\3\0\x0cIBETH01N0_M\0"
local message_max, pieces_max = 4096, 64

local function begin(session)
  return "\1\5\0\x16\0\1\0\0\x78\x80\0" .. session .. "\0\0\0\6\0\4\2\x95\0\0"
end

local function identity_request(session)
  return "\1\6\0\x0e\0\2\0\0\0\0\0" .. session .. "\4\0"
end

-- Where the texts stand in the answer, and how long they may be.
local fields = {
  { "PLC Type", 31, 36 }, { "Model Number", 153, 20 }, { "Firmware Version", 67, 13 },
  { "Firmware Date", 80, 12 }, { "Firmware Time", 92, 12 },
}

-- The answer, as long as it says that it is; nil and the reason.
local function ask(socket, request)
  socket:send(request)
  local status, answer = socket:receive()
  if not status then
    return nil, answer
  end
  for _ = 1, pieces_max do
    local length = #answer < 4 and 4 or string.unpack(">I2", answer, 3)
    if #answer >= math.min(length, message_max) or answer:byte(1) ~= 0x81 then
      break
    end
    local more, piece = socket:receive()
    if not more then
      break
    end
    answer = answer .. piece
  end
  if answer:byte(1) ~= 0x81 then
    return nil, "another answer"
  end
  return answer
end

local function further(socket, request)
  local answer, reason = ask(socket, request)
  if not answer and asker.is_loss(reason) then
    socket:close()
    asker.broken_off(reason)
  end
  return answer
end

local function table_of(answer)
  local output = stdnse.output_table()
  for _, field in ipairs(fields) do
    local text = answer:sub(field[2], field[2] + field[3] - 1):match("^[ -~]*")
    text = text:match("^%s*(.-)%s*$")
    output[field[1]] = text ~= "" and text or nil
  end
  return output
end

function action(host, port)
  local socket = nmap.new_socket()
  socket:set_timeout(5000)
  local status, reason = socket:connect(host, port)
  local opened
  if status then
    opened, reason = ask(socket, open_session)
  end
  if not opened or #opened < 18 then
    socket:close()
    return asker.unanswered(port, services, opened and "another answer" or reason)
  end
  local session = opened:sub(18, 18)
  local answer = further(socket, begin(session)) and further(socket, identity_request(session))
  socket:close()
  local output = table_of(answer or "")
  if not output["PLC Type"] then
    return nil
  end
  port.version.name, port.version.product = "pcworx", "Phoenix Contact " .. output["PLC Type"]
  nmap.set_port_version(host, port)
  return output
end
