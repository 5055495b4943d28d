description = [[
Shows the Server header of a web server, and fills in the product when service detection found none.
]]
---
-- @output
-- |_http-server-header: nginx/1.22.1

author = "Muster"
license = "Apache-2.0"
categories = { "version" }

identity = {}
volatile = {}

local http = require "http"
local shortport = require "shortport"

function portrule(host, port)
  return shortport.http(host, port)
end

local function set_version(host, port, server)
  local version = port.version or {}
  if version.product or (version.name_confidence or 0) > 3 and version.name ~= "http" then
    return
  end
  local product, number = server:match("^([%w%-_.]+)/([%w%-_.]+)")
  port.version = version
  version.name = version.name or "http"
  version.product = product or server
  version.version = number
  nmap.set_port_version(host, port, "softmatched")
end

function action(host, port)
  local response = http.get(host, port, "/", { redirect_ok = false })
  local server = response.status and response.header.server
  if not server or server == "" then
    return nil
  end
  set_version(host, port, server)
  return { server }, server
end
