description = [[
Shows what a plug, switch or lamp of TP-Link (Kasa) tells of itself: name, model, hardware address, firmware.
Asks for its system information and switches nothing. Whoever gets an answer may switch it, too.
]]
---
-- The protocol is not documented by its maker; it was described by L. Stroetmann and T. Esser, "Reverse
-- Engineering the TP-Link HS110" (2016): JSON, each byte XOR the one before, the first XOR 171; over TCP
-- behind its length.
--
-- @output
-- | kasa-info:
-- |   Name: Coffee machine
-- |   Model: HS110(EU)
-- |   Kind: IOT.SMARTPLUGSWITCH
-- |   MAC address: 50:c7:bf:01:02:03
-- |   Device id: 8006E6B0C7A1F2D3E4B5C6D7A8F9E0B1C2D3E4F5
-- |   Hardware: 1.0
-- |_  Firmware: 1.2.5 Build 171213 Rel.101523

author = "Muster"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

identity = { "MAC address", "Device id" }
volatile = {}
finding = "medium"

local asker = require "asker"
local comm = require "comm"
local device = require "device"
local json = require "json"
local nmap = require "nmap"
local shortport = require "shortport"

local services = { "tplink-kasa" }
local at_its_port = shortport.port_or_service(9999, services, { "tcp", "udp" })
local question, answer_max = '{"system":{"get_sysinfo":{}}}', 16384

local fields = {
  { "Name", "alias" }, { "Model", "model" }, { "Kind", "type" }, { "Kind", "mic_type" },
  { "MAC address", "mac", device.mac }, { "MAC address", "mic_mac", device.mac },
  { "Device id", "deviceId" }, { "Hardware", "hw_ver" }, { "Firmware", "sw_ver" },
}

-- Many other things are put on this port: what they are known to be is left alone.
function portrule(host, port)
  local known = (port.version and port.version.name_confidence or 0) > 3
  return at_its_port(host, port) and (not known or asker.is_recognised(port, services))
end

local function encrypted(text)
  local key, out = 171, {}
  for i = 1, #text do
    key = key ~ text:byte(i)
    out[i] = string.char(key)
  end
  return table.concat(out)
end

local function decrypted(bytes)
  local key, out = 171, {}
  for i = 1, #bytes do
    local byte = bytes:byte(i)
    out[i], key = string.char(key ~ byte), byte
  end
  return table.concat(out)
end

local function ask_udp(host, port)
  local status, answer = comm.exchange(host, port, encrypted(question), { timeout = 3000, tries = 2 })
  return status and answer:sub(1, answer_max) or nil, answer
end

local function ask_tcp(host, port)
  local socket, answer = comm.opencon(host, port, string.pack(">s4", encrypted(question)),
    { proto = "tcp", timeout = 5000, bytes = 4 })
  if not socket then
    return nil, answer
  end
  local length = #answer >= 4 and string.unpack(">I4", answer) or 0
  while length <= answer_max and #answer < length + 4 do
    local status, piece = socket:receive()
    if not status then
      break
    end
    answer = answer .. piece
  end
  socket:close()
  return length <= answer_max and answer:sub(5, 4 + length) or nil, "another answer"
end

local function information(answer)
  local status, value = json.parse(decrypted(answer))
  local system = status and type(value) == "table" and value.system
  local info = type(system) == "table" and system.get_sysinfo
  return type(info) == "table" and info or nil
end

function action(host, port)
  local answer, reason = (port.protocol == "udp" and ask_udp or ask_tcp)(host, port)
  local info = answer and information(answer)
  local output = info and device.pick(info, fields)
  if not output then
    return asker.unanswered(port, services, answer and "another answer" or reason)
  end
  port.version.name = "tplink-kasa"
  port.version.product = output.Model and "TP-Link " .. output.Model or nil
  nmap.set_port_state(host, port, "open")
  nmap.set_port_version(host, port)
  return output
end
