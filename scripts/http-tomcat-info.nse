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

local api = require "http.api"
local http = require "http"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.http

-- The applications, and what stands in their pages: the path is the title, and links lead to lists.
local applications = {
  { "/manager/html", "<title>/manager</title>", "/manager/html/list" },
  { "/host-manager/html", "<title>/host-manager</title>", "/host-manager/html/list" },
  { "/manager/status", "<title>/manager</title>", "/manager/html/list" },
  { "/examples/", "Apache Tomcat Examples", is_harmless = true },
}

local function version_of(host, port)
  -- a path that no one has: the error page bears the version
  local response = api.first_or_refused(host, port, http.get(host, port,
    "/muster-" .. stdnse.tohex(nmap.clock_ms() // 1 | 0), { redirect_ok = false }))
  local body = response.status and response.status >= 400 and response.body or ""
  return body:sub(1, 16384):match("Apache Tomcat/([%w.-]+)"),
    body:find("Apache Tomcat", 1, true) ~= nil
end

-- Is it the application's own page? One with a form for a login is not.
local function is_open(application, body)
  local lower = body:lower()
  if lower:find("j_security_check", 1, true) or lower:find("type%s*=%s*[\"']?password") then
    return false
  end
  for i = 2, #application do
    if body:find(application[i], 1, true) then
      return true
    end
  end
  return false
end

local function state_of(application, response)
  if response.status == 401 then
    return "wants a login"
  elseif response.status == 403 then
    return "forbidden from here"
  elseif response.status ~= 200 then
    return nil
  elseif is_open(application, response.body or "") then
    return "open"
  end
  -- whatever stands before a manager asks who one is; before examples nothing does
  return not application.is_harmless and "wants a login" or nil
end

function action(host, port)
  local version, is_tomcat = version_of(host, port)
  if not is_tomcat then
    return nil
  end
  local output, states, open = stdnse.output_table(), stdnse.output_table(), {}
  for _, application in ipairs(applications) do
    local path = application[1]
    local response = api.certain(http.get(host, port, path, { redirect_ok = false }), path)
    states[path] = state_of(application, response)
    if states[path] == "open" and not application.is_harmless then
      open[#open + 1] = path
    end
  end
  output.Version = version
  output.Applications = #states > 0 and states or nil
  output.Open = #open > 0 and open or nil
  return output
end
