description = [[
Shows the methods that a web server lets pages of foreign origins use (Cross-Origin Resource
Sharing).
]]
---
-- @args http-cors.path    The page to ask about ("/").
-- @args http-cors.origin  The foreign origin ("example.com").
--
-- @output
-- |_http-cors: GET POST OPTIONS

author = "Muster"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

identity = {}
volatile = {}

local api = require "http.api"
local http = require "http"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.http

local methods = { "HEAD", "GET", "POST", "PUT", "DELETE", "TRACE", "OPTIONS", "CONNECT", "PATCH" }

local function ask(host, port, path, origin, method)
  return http.generic_request(host, port, "OPTIONS", path, {
    header = { ["Origin"] = origin, ["Access-Control-Request-Method"] = method },
    redirect_ok = false,
  })
end

local function allows(response, origin, method)
  local header = response.header or {}
  local from = header["access-control-allow-origin"]
  if from ~= "*" and from ~= origin then
    return false
  end
  for name in (header["access-control-allow-methods"] or ""):gmatch("[^,%s]+") do
    if name == method or name == "*" then
      return true
    end
  end
  return false
end

function action(host, port)
  local path, origin = stdnse.get_script_args(SCRIPT_NAME .. ".path", SCRIPT_NAME .. ".origin")
  local found, works = {}, false
  origin = origin or "example.com"
  for i, method in ipairs(methods) do
    local response = ask(host, port, path or "/", origin, method)
    works = works or api.counts(response)
    if not response.status and i == 1 then
      api.first_or_refused(host, port, response)
      return nil
    elseif works or not response.status then
      api.certain(response, method)
    end
    if allows(response, origin, method) then
      found[#found + 1] = method
    end
  end
  return #found > 0 and table.concat(found, " ") or nil
end
