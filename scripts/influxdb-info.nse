description = [[
Shows the version of an InfluxDB server and the databases that it lists for anyone.
]]
---
-- @output
-- | influxdb-info:
-- |   Version: 1.6.7~rc0
-- |   Databases:
-- |_    _internal

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "safe" }

identity = {}
volatile = {}
finding = { Databases = "high" }

local api = require "http.api"
local http = require "http"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.port_or_service({ 8086 }, { "influxdb", "d-s-n" })

local function databases(host, port)
  local names = {}
  local answer = api.follow(host, port, "/query?q=SHOW%20DATABASES")
  for _, row in ipairs(api.dig(answer, "results", 1, "series", 1, "values") or {}) do
    names[#names + 1] = type(row) == "table" and row[1] or nil
  end
  return #names > 0 and names or nil
end

function action(host, port)
  local response = api.first_or_refused(host, port, http.get(host, port, "/ping",
    { redirect_ok = false }))
  local version = response.header and response.header["x-influxdb-version"]
  if not version then
    return nil
  end
  local output = stdnse.output_table()
  output.Version = version
  output.Build = response.header["x-influxdb-build"]
  output.Databases = databases(host, port)
  return output
end
