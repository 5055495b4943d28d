description = [[
Shows what a Consul agent tells without a token: its name, datacenter and version, and the services
of the cluster.
]]
---
-- @output
-- | consul-info:
-- |   Datacenter: dc1
-- |   Node: web1
-- |   Version: 1.8.7
-- |   Services:
-- |     consul
-- |_    web

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "safe" }

identity = { "Node ID" }
volatile = {}
finding = "medium"

local api = require "http.api"
local shortport = require "shortport"

portrule = shortport.port_or_service({ 8500, 8501 }, { "consul", "fmtp" })

local fields = {
  { "Datacenter", "Config", "Datacenter" }, { "Node", "Config", "NodeName" },
  { "Node ID", "Config", "NodeID" }, { "Version", "Config", "Version" },
  { "Server", "Config", "Server" },
}

function action(host, port)
  local answer = api.get(host, port, "/v1/agent/self")
  if not answer or not api.dig(answer, "Config", "NodeName") then
    return nil
  end
  local output, names = api.pick(answer, fields), {}
  for name in pairs(api.follow(host, port, "/v1/catalog/services") or {}) do
    names[#names + 1] = name
  end
  table.sort(names)
  output.Services = #names > 0 and names or nil
  return output
end
