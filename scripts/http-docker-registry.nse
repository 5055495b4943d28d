description = [[
Finds registries of container images, and shows the images that they list for anyone.
]]
---
-- @output
-- | http-docker-registry:
-- |   API: registry/2.0
-- |   Repositories:
-- |     lab/web
-- |_    lab/worker

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "safe" }

identity = {}
volatile = {}
finding = { Repositories = "high" }

local api = require "http.api"
local http = require "http"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.port_or_service({ 80, 443, 5000, 5001, 8080, 8443 },
  { "http", "https", "docker-registry", "upnp", "commplex-main" })

local shown_max = 100

function action(host, port)
  local response = api.first_or_refused(host, port, http.get(host, port, "/v2/",
    { redirect_ok = false }))
  local version = response.header and response.header["docker-distribution-api-version"]
  if not version then
    return nil
  end
  local output = stdnse.output_table()
  output.API = version
  local challenge = response.header["www-authenticate"]
  output.Login = response.status == 401 and (challenge or "required") or nil
  local list = api.follow(host, port, "/v2/_catalog?n=" .. shown_max)
  local names = {}
  for i, name in ipairs(list and type(list.repositories) == "table" and list.repositories or {}) do
    if i <= shown_max and type(name) == "string" then
      names[#names + 1] = name
    end
  end
  output.Repositories = #names > 0 and names or nil
  return output
end
