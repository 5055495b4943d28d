description = [[
Shows what an L2TP server (VPN concentrators, access servers) tells of itself when a tunnel is asked
for (RFC 2661, section 6): host name, vendor, firmware. The tunnel is closed at once.
]]
---
-- @output
-- | l2tp-info:
-- |   Host name: vpn.example.com
-- |   Vendor: xelerance.com
-- |_  Firmware: 1680

author = "Muster"
license = "Apache-2.0"
categories = { "version", "discovery", "safe" }

identity = {}
volatile = {}

local asker = require "asker"
local rand = require "rand"
local shortport = require "shortport"
local stdnse = require "stdnse"
local stringaux = require "stringaux"

portrule = shortport.version_port_or_service(1701, { "l2tp", "L2TP" }, "udp",
  { "open", "open|filtered" })

-- An attribute value pair with the mandatory bit, vendor 0.
local function avp(kind, value)
  return string.pack(">I2I2I2", 0x8000 | #value + 6, 0, kind) .. value
end

-- A control message: flags T, L, S, version 2.
local function control(tunnel, ns, nr, avps)
  return string.pack(">I2I2I2I2I2I2", 0xc802, 12 + #avps, tunnel, 0, ns, nr) .. avps
end

-- Start-Control-Connection-Request for our tunnel, whose id must not be one that we had before.
local function start(tunnel)
  return control(0, 0, 0, avp(0, "\0\1") .. avp(2, "\1\0") .. avp(3, "\0\0\0\3")
    .. avp(7, "muster") .. avp(9, tunnel) .. avp(10, "\0\4"))
end

-- The pairs of a Start-Control-Connection-Reply by type, or nil.
local function reply_of(data)
  if #data < 20 or string.unpack(">I2", data) & 0xc80f ~= 0xc802 then
    return nil
  end
  local found, at = {}, 13
  while at + 5 <= #data do
    local head, vendor, kind = string.unpack(">I2I2I2", data, at)
    local length = head & 0x3ff
    if length < 6 or at + length - 1 > #data then
      break
    elseif vendor == 0 and not found[kind] then
      found[kind] = data:sub(at + 6, at + length - 1)
    end
    at = at + length
  end
  return found[0] == "\0\2" and found or nil
end

-- The answer; empty acknowledgements may come before it. Or nil and the reason.
local function receive(socket)
  for _ = 1, 4 do
    local status, data = socket:receive()
    local found = status and reply_of(data)
    if found or not status then
      return found or nil, data
    end
  end
  return nil, "no answer to the request"
end

-- Datagrams get lost; sent again it is the same request (section 5.8).
local function ask(socket, tunnel)
  local found, reason
  for _ = 1, 2 do
    socket:send(start(tunnel))
    found, reason = receive(socket)
    if found then
      break
    end
  end
  return found, reason
end

local function text(value)
  value = value and stringaux.trim_end(value, "%z"):gsub("%c", ".")
  return value ~= "" and value or nil
end

function action(host, port)
  local socket = nmap.new_socket("udp")
  socket:set_timeout(4000)
  local tunnel = string.pack(">I2", rand.random_integer(1, 65535))
  local found, reason = socket:connect(host, port, "udp")
  if found then
    found, reason = ask(socket, tunnel)
  end
  if not found then
    socket:close()
    return asker.unanswered(port, { "l2tp", "L2TP" }, reason)
  end
  if found[9] and #found[9] == 2 then
    -- StopCCN: general request to clear the connection
    socket:send(control(string.unpack(">I2", found[9]), 1, 1, avp(0, "\0\4") .. avp(9, tunnel)
      .. avp(1, "\0\1")))
  end
  socket:close()
  nmap.set_port_state(host, port, "open")
  local output = stdnse.output_table()
  output["Host name"] = text(found[7])
  output.Vendor = text(found[8])
  output.Firmware = found[6] and #found[6] == 2 and (string.unpack(">I2", found[6])) or nil
  port.version.name, port.version.product = "l2tp", output.Vendor
  port.version.hostname = output["Host name"]
  nmap.set_port_version(host, port, "hardmatched")
  return #output > 0 and output or nil
end
