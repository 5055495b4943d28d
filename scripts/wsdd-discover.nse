description = [[
Shows what a host announces by WS-Discovery: Windows machines and Samba servers ("Computer"),
printers, scanners, cameras (ONVIF), with the identifier that stays theirs.
]]
---
-- @output
-- | wsdd-discover:
-- |   Devices
-- |     Message id: 6c1e5f0a-93d4-4b7e-8a21-0f5d3c9b7e64
-- |     Address: http://192.0.2.16:50000
-- |     Type: Device wprt:PrintDeviceType
-- |_    Endpoint: urn:uuid:4d696e69-444c-164e-9d41-00089b990015

author = "Muster"
license = "Apache-2.0"
categories = { "safe", "discovery", "default" }

identity = { "endpoint" }
volatile = { "version" }

local shortport = require "shortport"
local stdnse = require "stdnse"
local wsdd = require "wsdd"

portrule = shortport.portnumber(3702, "udp", { "open", "open|filtered" })

local function match_table(match)
  local out = stdnse.output_table()
  out.endpoint = match.endpoint
  out.types = match.types
  out.xaddrs = match.xaddrs
  out.scopes = match.scopes
  out.version = match.version
  return out
end

function action(host, port)
  local helper = wsdd.Helper:new(host, port)
  local status, found = helper:discover()
  if not status then
    return nil
  end
  nmap.set_port_state(host, port, "open")
  local data, lines = {}, { name = "Devices" }
  for i, match in ipairs(found) do
    data[i] = match_table(match)
    for _, line in ipairs(wsdd.lines_of(match)) do
      lines[#lines + 1] = line
    end
  end
  return data, stdnse.format_output(true, { lines })
end
