description = [[
Shows the version of a Jenkins server, and whether it lets anyone read its jobs or use its script
console.
]]
---
-- @output
-- | http-jenkins-info:
-- |   Version: 2.440.1
-- |   Session: 3f1c9c4e
-- |_  Jobs readable: 3

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "safe" }

identity = {}
volatile = { "Session" }
finding = { ["Jobs readable"] = "medium", ["Script console open"] = "critical" }

local api = require "http.api"
local http = require "http"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.http

-- Where a server lies at the root or below /jenkins, its headers say so; also those of a refusal.
local function headers_of(host, port)
  local answers = false
  for _, base in ipairs({ "", "/jenkins" }) do
    local response = http.get(host, port, base .. "/login", { redirect_ok = false })
    local header = response.header or {}
    if header["x-jenkins"] or header["x-hudson"] then
      return base, header
    elseif answers and (response.status or 0) < 500 then
      api.certain(response, base .. "/login")
    elseif base == "" then
      api.first_or_refused(host, port, response)
    end
    answers = api.counts(response)
  end
end

function action(host, port)
  local base, header = headers_of(host, port)
  if not base then
    return nil
  end
  local output = stdnse.output_table()
  output.Version = header["x-jenkins"] or header["x-hudson"]
  output.Session = header["x-jenkins-session"]
  local root = api.follow(host, port, base .. "/api/json?tree=jobs[name]")
  if root and type(root.jobs) == "table" then
    output["Jobs readable"] = #root.jobs
  end
  local console = api.certain(http.get(host, port, base .. "/script", { redirect_ok = false }),
    base .. "/script")
  if console.status == 200 and (console.body or ""):find("Script Console", 1, true) then
    output["Script console open"] = true
  end
  return output
end
