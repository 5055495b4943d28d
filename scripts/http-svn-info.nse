description = [[
Shows where a Subversion repository that is served over WebDAV stands: its root, its identifier, the
newest revision and who made it.
]]
---
-- @args http-svn-info.url  The repository's path ("/").
--
-- @output
-- | http-svn-info:
-- |   Repository Root: /svn/tools
-- |   Repository UUID: 5e1f3c2e-6a8b-4a5c-9d0e-3c5f2c6f7a11
-- |   Revision: 812
-- |   Last Changed Author: jane
-- |_  Last Changed Date: 2024-03-01T09:12:44.513Z

author = "Muster"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

identity = { "Repository UUID" }
volatile = { "Revision", "Last Changed Author", "Last Changed Date" }
finding = "low"

local http = require "http"
local api = require "http.api"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.http

local body = '<?xml version="1.0" encoding="utf-8"?><propfind xmlns="DAV:"><allprop/></propfind>'

local function property(text, name)
  local value = text:match("<[%w%-]*:?" .. name .. "[^>]*>%s*([^<]-)%s*</")
  return value ~= "" and value or nil
end

function action(host, port)
  local path = stdnse.get_script_args(SCRIPT_NAME .. ".url") or "/"
  local response = api.first_or_refused(host, port, http.generic_request(host, port, "PROPFIND", path, {
    header = { Depth = "0", ["Content-Type"] = "text/xml" }, content = body, redirect_ok = false,
  }))
  local text = response.status == 207 and response.body or ""
  local uuid = property(text, "repository%-uuid")
  if not uuid then
    return nil
  end
  local output = stdnse.output_table()
  output["Repository Root"] = property(text, "baseline%-relative%-path") or path
  output["Repository UUID"] = uuid
  output.Revision = property(text, "version%-name")
  output["Last Changed Author"] = property(text, "creator%-displayname")
  output["Last Changed Date"] = property(text, "creationdate")
  return output
end
