description = [[
Shows what a name server tells of itself: its NSID (RFC 5001), and the names id.server and
version.bind (RFC 4892).
]]
---
-- @output
-- | dns-nsid:
-- |   NSID: ns1.lab (6e73312e6c6162)
-- |   id.server: ns1.lab
-- |_  bind.version: 9.18.24

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "default", "safe" }

identity = {}
volatile = {}

local dns = require "dns"
local nmap = require "nmap"
local shortport = require "shortport"
local stdnse = require "stdnse"

local udp_rule = shortport.port_or_service(53, "domain", "udp")
local tcp_rule = shortport.port_or_service(53, "domain", "tcp")

-- Over TCP where the scan does not know the same port as open over UDP, which answers the same.
function portrule(host, port)
  if not tcp_rule(host, port) then
    return udp_rule(host, port)
  end
  local udp = nmap.get_port_state(host, { number = port.number, protocol = "udp" })
  return not udp or udp.state ~= "open"
end

local function chaos(host, port, name)
  local status, text = dns.query(name, {
    host = host.ip, port = port.number, proto = port.protocol, dtype = "TXT", class = dns.CLASS.CH,
  })
  return status and text ~= "" and text or nil
end

local function nsid(host, port)
  local status, packet = dns.query("id.server", {
    host = host.ip, port = port.number, proto = port.protocol, dtype = "TXT", class = dns.CLASS.CH,
    nsid = true,
    retPkt = true,
  })
  for _, record in ipairs(status and packet.add or {}) do
    local data = record.OPT and record.OPT.data
    if data and #data >= 4 then
      local code, length = string.unpack(">I2I2", data)
      if code == 3 and length > 0 and #data >= 4 + length then
        return data:sub(5, 4 + length)
      end
    end
  end
end

function action(host, port)
  local output = stdnse.output_table()
  local id = nsid(host, port)
  if id then
    output.NSID = setmetatable({ raw = id, hex = stdnse.tohex(id) }, {
      __tostring = function(t)
        return t.raw .. " (" .. t.hex .. ")"
      end,
    })
  end
  output["id.server"] = chaos(host, port, "id.server")
  output["bind.version"] = chaos(host, port, "version.bind")
  if #output == 0 then
    return nil
  end
  if port.version and output["bind.version"] and not port.version.product then
    port.version.name = "domain"
    port.version.version = output["bind.version"]
    nmap.set_port_version(host, port, "softmatched")
  end
  return output
end
