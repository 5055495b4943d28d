description = [[
Takes vendor, firmware and host name of a PPTP server from its answer to a
Start-Control-Connection-Request (RFC 2637, section 2.1).
]]
---
-- @output
-- 1723/tcp open  pptp    linux (Firmware: 1)

author = "Muster"
license = "Apache-2.0"
categories = { "version" }

identity = {}
volatile = {}

local asker = require "asker"
local comm = require "comm"
local shortport = require "shortport"

portrule = shortport.version_port_or_service(1723, "pptp", "tcp")

local cookie = 0x1a2b3c4d

-- Length, type control, cookie, message 1, version 1.0, framing and bearer: any.
local request = string.pack(">I2I2I4I2I2BBI2I4I4I2I2c64c64", 156, 1, cookie, 1, 0, 1, 0, 0, 3, 3, 0,
  0, "none", "muster")

local function text(field)
  return (field:match("^%Z*"):gsub("%c", "."))
end

function action(host, port)
  local status, reply = comm.exchange(host, port, request, { bytes = 156, timeout = 5000 })
  if not status or #reply < 156 then
    return asker.unanswered(port, { "pptp" }, reply)
  end
  local _, kind, magic, message, _, _, _, _, _, _, _, _, firmware, name, vendor =
    string.unpack(">I2I2I4I2I2BBBBI4I4I2I2c64c64", reply)
  if kind ~= 1 or magic ~= cookie or message ~= 2 then
    return nil
  end
  port.version.name, port.version.product = "pptp", text(vendor)
  port.version.extrainfo = "Firmware: " .. firmware
  port.version.hostname = text(name) ~= "" and text(name) or nil
  nmap.set_port_version(host, port, "hardmatched")
  return nil
end
