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

local http = require "http"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.http

local methods = { "HEAD", "GET", "POST", "PUT", "DELETE", "TRACE", "OPTIONS", "CONNECT", "PATCH" }

local function allowed(host, port, path, origin, method)
  local response = http.generic_request(host, port, "OPTIONS", path, {
    header = { ["Origin"] = origin, ["Access-Control-Request-Method"] = method },
    redirect_ok = false,
  })
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
  local found = {}
  for _, method in ipairs(methods) do
    if allowed(host, port, path or "/", origin or "example.com", method) then
      found[#found + 1] = method
    end
  end
  return #found > 0 and table.concat(found, " ") or nil
end
