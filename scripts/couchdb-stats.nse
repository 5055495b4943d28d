description = [[
Shows what a CouchDB server tells without a login: version, vendor, and the statistics of its
requests where they are open.
]]
---
-- @output
-- | couchdb-stats:
-- |   version: 3.2.1
-- |   vendor: The Apache Software Foundation
-- |   uuid: 85fb71bf700c17267fef77535820e371
-- |_  Authentication : enabled

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "safe" }

identity = { "uuid" }
volatile = {}

local api = require "http.api"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.port_or_service({ 5984 }, { "couchdb" })

function action(host, port)
  local welcome = api.get(host, port, "/")
  if not welcome or not welcome.couchdb then
    return nil
  end
  local output = stdnse.output_table()
  output.version = welcome.version
  output.vendor = api.dig(welcome, "vendor", "name")
  output.uuid = welcome.uuid
  local list = api.follow(host, port, "/_all_dbs")
  output["Authentication "] = list and "NOT enabled ('admin party')" or "enabled"
  return output
end
