description = [[
Shows the resources that a CoAP device (sensors, actuators, lights) lists in its core link format
under /.well-known/core (RFC 6690).
]]
---
-- @args coap-resources.uri  What to ask for ("/.well-known/core").
--
-- @output
-- | coap-resources:
-- |   /:
-- |     ct: 0
-- |     title: General Info
-- |   /time:
-- |     ct: 0
-- |     if: clock
-- |     rt: ticks
-- |_    title: Internal Clock

author = "Muster"
license = "Apache-2.0"
categories = { "safe", "discovery" }

identity = {}
volatile = {}

local asker = require "asker"
local coap = require "coap"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.port_or_service(5683, "coap", "udp", { "open", "open|filtered" })

local function resource_table(parameters)
  table.sort(parameters, function(a, b)
    return a.name < b.name
  end)
  local out = stdnse.output_table()
  for _, parameter in ipairs(parameters) do
    local before = out[parameter.name]
    out[parameter.name] = before and before .. " " .. parameter.value or parameter.value
  end
  return out
end

local function resources_table(links)
  table.sort(links, function(a, b)
    return a.name < b.name
  end)
  local out = stdnse.output_table()
  for _, link in ipairs(links) do
    out[link.name] = resource_table(link.parameters)
  end
  return out
end

function action(host, port)
  local uri = stdnse.get_script_args(SCRIPT_NAME .. ".uri") or "/.well-known/core"
  local helper = coap.Helper:new(host, port)
  if not helper:connect() then
    return nil
  end
  local status, payload, response = helper:get(uri)
  helper:close()
  if not status then
    return asker.unanswered(port, { "coap" }, payload)
  end
  nmap.set_port_state(host, port, "open")
  port.version.name = "coap"
  nmap.set_port_version(host, port, "softmatched")
  asker.check_busy(response.code, "^service_unavailable$", "^gateway_timeout$")
  if response.code ~= "content" then
    return "the server answers " .. response.code .. " for " .. uri
  end
  local parsed
  status, parsed = coap.COAP.payload.parse(response, payload)
  if type(parsed) ~= "table" then
    return payload
  end
  return #parsed > 0 and resources_table(parsed) or nil
end
