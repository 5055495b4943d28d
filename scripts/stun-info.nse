description = [[
Shows the address that a STUN server sees us come from: behind a translating router, the outer one.
]]
---
-- @output
-- | stun-info:
-- |_  External IP: 192.0.2.42

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "safe" }

identity = {}
volatile = {}

local asker = require "asker"
local shortport = require "shortport"
local stdnse = require "stdnse"
local stun = require "stun"

portrule = shortport.port_or_service(3478, "stun", "udp")

function action(host, port)
  local helper = stun.Helper:new(host, port)
  if not helper:connect() then
    return nil
  end
  local status, ip = helper:getExternalAddress()
  helper:close()
  if not status then
    return asker.unanswered(port, { "stun" }, ip)
  end
  nmap.set_port_state(host, port, "open")
  local output = stdnse.output_table()
  output["External IP"] = ip
  return output
end
