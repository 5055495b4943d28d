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

local asker = require "asker"
local dns = require "dns"
local shortport = require "shortport"

portrule = shortport.portnumber(53, "udp")

function action(host, port)
  -- a name that no server holds itself; the answer's flag RA tells
  local status, packet = dns.query("www.wikipedia.org", {
    host = host.ip, port = port.number, proto = port.protocol, retPkt = true, sendCount = 3,
  })
  if not status and not dns.answers(host, port) then
    return asker.unanswered(port, { "domain" }, "TIMEOUT")
  elseif not status or not packet.flags.RA then
    return nil
  end
  local flags = packet.flags
  local refused = flags.RC2 and flags.RC4 and not flags.RC3
  if flags.RC3 and not flags.RC1 and not flags.RC2 and not flags.RC4 then
    -- it tried, and may have more luck the next time
    error("the server failed to look up the name", 0)
  elseif refused or #packet.answers == 0 then
    return nil
  end
  nmap.set_port_state(host, port, "open")
  return "Recursion appears to be enabled"
end
