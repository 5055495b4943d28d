description = [[
Shows the version and the identifier of a Plex media server, and whether it is nobody's yet. Reads
/identity, which needs no login.
]]
---
-- @output
-- | plex-info:
-- |   Version: 1.32.5.7349-8f4248874
-- |   Machine identifier: 0123456789abcdef0123456789abcdef01234567
-- |_  Without an owner: true

author = "Muster"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

identity = { "Machine identifier" }
volatile = {}
-- whoever comes first to a server without an owner becomes its owner
finding = { ["Without an owner"] = "medium" }

local api = require "http.api"
local http = require "http"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.port_or_service(32400, "plex")

function action(host, port)
  local response = api.first_or_refused(host, port, http.get(host, port, "/identity",
    { redirect_ok = false }))
  local body = response.status == 200 and response.body or ""
  local element = body:match("<MediaContainer%s([^<>]*)>")
  local id = element and element:match('machineIdentifier="([%w-]+)"')
  if not id then
    return nil
  end
  local output = stdnse.output_table()
  output.Version = element:match('[^%w]version="([^"]*)"')
  output["Machine identifier"] = id
  output["Without an owner"] = element:find('claimed="0"', 1, true) and true or nil
  return output
end
