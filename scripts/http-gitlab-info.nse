description = [[
Finds GitLab servers, and shows whether anyone may register, and how many of their projects anyone
can read.
]]
---
-- @output
-- | http-gitlab-info:
-- |   Title: GitLab Community Edition
-- |   Registration open: true
-- |_  Public projects: 12

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "safe" }

identity = {}
volatile = { "Public projects" }
finding = { ["Registration open"] = "medium", ["Public projects"] = "low" }

local api = require "http.api"
local http = require "http"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.http

function action(host, port)
  local response = api.first_or_refused(host, port, http.get(host, port, "/users/sign_in",
    { redirect_ok = false }))
  local body = (response.body or ""):sub(1, 131072)
  if response.status ~= 200 or not (response.header and response.header["x-gitlab-meta"]
    or body:find('content="GitLab"', 1, true)) then
    return nil
  end
  local output = stdnse.output_table()
  output.Title = body:match('og:description" content="([^"]*)"')
    or body:match('content="([^"]*)" property="og:description"')
  output.Revision = body:match('gon%.revision%s*=%s*"(%w+)"')
  if body:find('href="/users/sign_up"', 1, true) then
    output["Registration open"] = true
  end
  local projects, answer = api.follow(host, port, "/api/v4/projects?per_page=1&simple=true")
  local total = projects and answer.header and tonumber(answer.header["x-total"])
  if total and total > 0 then
    output["Public projects"] = total
  end
  output.Title = output.Title or "GitLab"
  return output
end
