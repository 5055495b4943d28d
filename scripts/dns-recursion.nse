description = [[
Finds name servers that look up foreign names for anyone. Such servers are used to attack others
and tell what is looked up.
]]
---
-- @output
-- |_dns-recursion: Recursion appears to be enabled

author = "Muster"
license = "Apache-2.0"
categories = { "default", "safe" }

identity = {}
volatile = {}
finding = "medium"

local dns = require "dns"
local shortport = require "shortport"

portrule = shortport.portnumber(53, "udp")

function action(host, port)
  -- a name that no server holds itself; the answer's flag RA tells
  local status, packet = dns.query("www.wikipedia.org", {
    host = host.ip, port = port.number, proto = port.protocol, retPkt = true, sendCount = 1,
  })
  if not status or not packet.flags.RA then
    return nil
  end
  local refused = packet.flags.RC2 and packet.flags.RC4 and not packet.flags.RC3
  if refused or #packet.answers == 0 then
    return nil
  end
  nmap.set_port_state(host, port, "open")
  return "Recursion appears to be enabled"
end
