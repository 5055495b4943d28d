description = [[
Takes the name and version of a STUN or TURN server from its answer to a binding request.
]]
---
-- @output
-- 3478/udp open  stun    Coturn-4.6.1 'Gorst'

author = "Muster"
license = "Apache-2.0"
categories = { "version" }

identity = {}
volatile = {}

local asker = require "asker"
local shortport = require "shortport"
local stun = require "stun"

portrule = shortport.version_port_or_service(3478, "stun", "udp", { "open", "open|filtered" })

function action(host, port)
  local helper = stun.Helper:new(host, port)
  if not helper:connect() then
    return nil
  end
  local status, software = helper:getVersion()
  helper:close()
  if not status or software == "" then
    return asker.unanswered(port, { "stun" }, software)
  end
  nmap.set_port_state(host, port, "open")
  port.version.name, port.version.product = "stun", software
  nmap.set_port_version(host, port, "hardmatched")
  return nil
end
