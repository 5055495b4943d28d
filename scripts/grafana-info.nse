description = [[
Shows the version of a Grafana server and whether it can be read without a login.
]]
---
-- @output
-- | grafana-info:
-- |   Version: 9.3.6
-- |_  Anonymous access: true

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "safe" }

identity = {}
volatile = {}
finding = { ["Anonymous access"] = "medium" }

local api = require "http.api"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.port_or_service({ 3000 }, { "grafana", "ppp" })

function action(host, port)
  local health = api.get(host, port, "/api/health")
  if not health or not health.database or not health.commit then
    return nil
  end
  local output = stdnse.output_table()
  output.Version = health.version
  output.Commit = health.commit
  if api.follow(host, port, "/api/search?limit=1") then
    output["Anonymous access"] = true
  end
  return output
end
