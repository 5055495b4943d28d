description = [[
Shows the model of a Mitsubishi controller (MELSEC), or another device that speaks SLMP. Reads its type name
(command 0101) and writes nothing.
]]
---
-- CC-Link Partner Association, SLMP specification BAP-C2006; Mitsubishi SH-080956, "Read Type Name": frame 3E
-- in binary code, to the station that is connected. Whether a controller speaks it at a port is set by its
-- programmer.
--
-- @output
-- | slmp-info:
-- |   Model: Q26UDEHCPU
-- |_  Model code: 0x026c

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "version" }

identity = {}
volatile = {}

local asker = require "asker"
local comm = require "comm"
local nmap = require "nmap"
local shortport = require "shortport"
local stdnse = require "stdnse"

local services = { "slmp", "melsec-q" }
local at_its_port = shortport.port_or_service({ 5006, 5007 }, services, { "tcp", "udp" })

-- Other things are put on these ports, such as WebDAV: what they are known to be is left alone.
function portrule(host, port)
  local known = (port.version and port.version.name_confidence or 0) > 3
  return at_its_port(host, port) and (not known or asker.is_recognised(port, services))
end

-- Subheader, own network and station, processor 03ff, no multidrop; length, 4 s to answer, 0101, 0000.
local to_us = "\0\xff\xff\3\0"
local question = "\x50\0" .. to_us .. string.pack("<I2I2I2I2", 6, 16, 0x0101, 0)

-- End code and data; nil when it is no answer to us.
local function body_of(answer)
  if #answer < 11 or answer:sub(1, 7) ~= "\xd0\0" .. to_us then
    return nil
  end
  local length, code = string.unpack("<I2I2", answer, 8)
  return code, answer:sub(12, 9 + length)
end

local function table_of(code, data)
  local output = stdnse.output_table()
  if code ~= 0 then
    output["End code"] = ("0x%04x"):format(code)
    return output
  end
  local model = data:sub(1, 16):match("^[ -~]*"):match("^%s*(.-)%s*$")
  output.Model = model ~= "" and model or nil
  output["Model code"] = #data >= 18 and ("0x%04x"):format(string.unpack("<I2", data, 17)) or nil
  return #output > 0 and output or nil
end

function action(host, port)
  local status, answer = comm.exchange(host, port, question, { timeout = 5000, bytes = 29, tries = 2,
    proto = port.protocol })
  local code, data = nil, nil
  if status then
    code, data = body_of(answer)
  end
  local output = code and table_of(code, data)
  if not output then
    return asker.unanswered(port, services, status and "another answer" or answer)
  end
  nmap.set_port_state(host, port, "open")
  port.version.name, port.version.product = "slmp", output.Model and "Mitsubishi " .. output.Model or nil
  nmap.set_port_version(host, port)
  return output
end
