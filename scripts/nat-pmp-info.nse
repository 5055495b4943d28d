description = [[
Shows the outer address of a router that speaks NAT-PMP (RFC 6886). Such a router opens ports for
whoever asks from inside.
]]
---
-- @output
-- | nat-pmp-info:
-- |_  WAN IP: 203.0.113.7

author = "Muster"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

identity = {}
volatile = {}

local asker = require "asker"
local natpmp = require "natpmp"
local shortport = require "shortport"

portrule = shortport.port_or_service(5351, "nat-pmp", "udp", { "open", "open|filtered" })

function action(host, port)
  local status, response = natpmp.Helper:new(host, port):getWANIP()
  if not status then
    return asker.unanswered(port, { "nat-pmp" }, response)
  end
  nmap.set_port_state(host, port, "open")
  port.version.name = "nat-pmp"
  nmap.set_port_version(host, port, "softmatched")
  return { ["WAN IP"] = response.ip }
end
