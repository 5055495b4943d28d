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

local asker = require "asker"
local shortport = require "shortport"
local srvloc = require "srvloc"
local stdnse = require "stdnse"

portrule = shortport.port_or_service(427, "svrloc", "udp", { "open", "open|filtered" })

local types_max, urls_max, attributes_max = 16, 16, 40

local function clean(text)
  return (text:gsub("%c", "."):sub(1, 200))
end

-- The list that a host answers with, which is empty for an error of SLP. One that falls silent, or
-- is busy (error 10), may have more to tell.
local function answered(helper, status, result)
  if status then
    return result
  elseif result:find("^SLP error") and result ~= "SLP error 10" then
    return {}
  end
  helper:close()
  error("no answer on the way: " .. result, 0)
end

local function attributes_of(helper, url)
  local attributes = answered(helper, helper:AttributeRequest(url, "DEFAULT"))
  local out = {}
  for i, attribute in ipairs(attributes) do
    if i > attributes_max then
      break
    end
    out[i] = clean(attribute)
  end
  return out
end

function action(host, port)
  local helper = srvloc.Helper:new(host, port, { timeout = 3000, tries = 3 })
  local status, types = helper:types()
  if not status then
    helper:close()
    return asker.unanswered(port, { "svrloc" }, types)
  end
  nmap.set_port_state(host, port, "open")
  table.sort(types)
  local output = stdnse.output_table()
  for i = 1, math.min(#types, types_max) do
    local urls = answered(helper, helper:services(types[i]))
    for j = 1, math.min(#urls, urls_max) do
      output[clean(urls[j])] = attributes_of(helper, urls[j])
    end
  end
  helper:close()
  return #output > 0 and output or nil
end
