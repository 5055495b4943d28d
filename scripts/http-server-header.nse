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
-- The product, with its version and what else is named, is the service's: a change of it is one change,
-- and not one more of the text that told it.
volatile = { "*" }

local greeting = require "greeting"
local http = require "http"
local api = require "http.api"
local shortport = require "shortport"

function portrule(host, port)
  return shortport.http(host, port)
end

--- What was found through TLS has to be said to lie behind TLS: a named service without a
-- tunnel is one that the rules of the TLS scripts leave alone.
local function set_version(host, port, server, over_tls)
  local version = port.version or {}
  if version.product or (version.name_confidence or 0) > 3 and version.name ~= "http" then
    return
  end
  local info = greeting.web_server(server)
  port.version = version
  info.name = version.name or info.name
  greeting.store(host, port, info, over_tls)
end

function action(host, port)
  local response = api.first(port, http.get(host, port, "/", { redirect_ok = false }))
  local server = response.status and response.header.server
  if not server or server == "" then
    return nil
  end
  set_version(host, port, server, response.ssl)
  return { server }, server
end
