description = [[
Shows the services that a host announces by SLP (RFC 2608): printers, VMware ESXi, storage, NetWare,
with the attributes of each, among them models and serial numbers. An SLP service that strangers can
ask over UDP also multiplies traffic for others (CVE-2023-29552).
]]
---
-- @output
-- | slp-services:
-- |   service:wbem:https://192.0.2.20:5989
-- |     (template-type=wbem)
-- |_    (service-id=uuid:4d696e69-444c-164e-9d41-00089b990015)

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "safe" }

identity = {}
volatile = {}
finding = "low"

local shortport = require "shortport"
local srvloc = require "srvloc"
local stdnse = require "stdnse"

portrule = shortport.port_or_service(427, "svrloc", "udp", { "open", "open|filtered" })

local types_max, urls_max, attributes_max = 16, 16, 40

local function clean(text)
  return (text:gsub("%c", "."):sub(1, 200))
end

local function attributes_of(helper, url)
  local status, attributes = helper:AttributeRequest(url, "DEFAULT")
  local out = {}
  for i, attribute in ipairs(status and attributes or {}) do
    if i > attributes_max then
      break
    end
    out[i] = clean(attribute)
  end
  return out
end

function action(host, port)
  local helper = srvloc.Helper:new(host, port, { timeout = 3000 })
  local status, types = helper:types()
  if not status then
    helper:close()
    return nil
  end
  nmap.set_port_state(host, port, "open")
  table.sort(types)
  local output = stdnse.output_table()
  for i = 1, math.min(#types, types_max) do
    local found, urls = helper:services(types[i])
    for j = 1, found and math.min(#urls, urls_max) or 0 do
      output[clean(urls[j])] = attributes_of(helper, urls[j])
    end
  end
  helper:close()
  return #output > 0 and output or nil
end
