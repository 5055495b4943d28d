description = [[
Shows what a KNXnet/IP gateway (building automation) tells of itself: name, serial number, hardware
address, place on the bus, services.
]]
---
-- @output
-- | knx-gateway-info:
-- |   Body:
-- |     DIB_DEV_INFO:
-- |       KNX address: 1.1.10
-- |       Device serial: 00c501020304
-- |       Multicast address: 224.0.23.12
-- |       Device MAC address: 00:24:6d:01:02:03
-- |       Device friendly name: Lab gateway
-- |     DIB_SUPP_SVC_FAMILIES:
-- |       KNXnet/IP Core version 1
-- |_      KNXnet/IP Tunnelling version 1

author = "Muster"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

identity = { "Device serial", "Device MAC address" }
volatile = { "Programming mode" }

local asker = require "asker"
local comm = require "comm"
local knx = require "knx"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.port_or_service(3671, { "efcp", "knxnetip" }, "udp",
  { "open", "open|filtered" })

-- A serial number or hardware address that says something.
local function is_set(bytes)
  return bytes:find("[^%z]") and bytes:find("[^\xff]")
end

local function device_table(device)
  local out = stdnse.output_table()
  out["KNX address"] = device.address
  out["KNX medium"] = device.medium
  if is_set(device.serial) then
    out["Device serial"] = stdnse.tohex(device.serial)
  end
  out["Multicast address"] = device.multicast
  if is_set(device.mac) then
    out["Device MAC address"] = stdnse.format_mac(device.mac)
  end
  out["Device friendly name"] = device.name
  out["Programming mode"] = device.programming and "on" or nil
  return out
end

function action(host, port)
  local status, reply = comm.exchange(host, port, knx.query(0x0203, "0.0.0.0", 0), { proto = "udp",
    timeout = 3000, tries = 2 })
  local info = status and knx.parse_description(reply)
  if not info or not info.device then
    return asker.unanswered(port, { "efcp", "knxnetip" }, not status and reply or "another answer")
  end
  nmap.set_port_state(host, port, "open")
  local body, output = stdnse.output_table(), stdnse.output_table()
  body.DIB_DEV_INFO = device_table(info.device)
  local services = {}
  for _, service in ipairs(info.services or {}) do
    services[#services + 1] = service.name .. " version " .. service.version
  end
  if #services > 0 then
    body.DIB_SUPP_SVC_FAMILIES = services
  end
  output.Body = body
  return output
end
