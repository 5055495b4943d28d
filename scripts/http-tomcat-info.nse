description = [[
Shows the version of an Apache Tomcat server from its error page, and which of its applications for
administrators are there: manager, host manager, status, examples.
]]
---
-- @output
-- | http-tomcat-info:
-- |   Version: 9.0.70
-- |   Applications:
-- |_    /manager/html: wants a login

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "safe" }

identity = {}
volatile = {}
finding = { Applications = "low", Open = "critical" }

local http = require "http"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.http

local paths = { "/manager/html", "/host-manager/html", "/manager/status", "/examples/" }

local function version_of(host, port)
  -- a path that no one has: the error page bears the version
  local response = http.get(host, port, "/muster-" .. stdnse.tohex(nmap.clock_ms() // 1 | 0),
    { redirect_ok = false })
  local body = response.status and response.status >= 400 and response.body or ""
  return body:sub(1, 16384):match("Apache Tomcat/([%w.-]+)"),
    body:find("Apache Tomcat", 1, true) ~= nil
end

function action(host, port)
  local version, is_tomcat = version_of(host, port)
  if not is_tomcat then
    return nil
  end
  local output, applications, open = stdnse.output_table(), stdnse.output_table(), {}
  for _, path in ipairs(paths) do
    local response = http.get(host, port, path, { redirect_ok = false })
    if response.status == 401 then
      applications[path] = "wants a login"
    elseif response.status == 403 then
      applications[path] = "forbidden from here"
    elseif response.status == 200 then
      applications[path] = "open"
      if path ~= "/examples/" then
        open[#open + 1] = path
      end
    end
  end
  output.Version = version
  output.Applications = #applications > 0 and applications or nil
  output.Open = #open > 0 and open or nil
  return output
end
