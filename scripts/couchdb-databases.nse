description = [[
Shows the names of the databases of a CouchDB server that lets anyone list them.
]]
---
-- @output
-- | couchdb-databases:
-- |   1 = shop
-- |_  2 = users

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "safe" }

identity = {}
volatile = {}
finding = "high"

local api = require "http.api"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.port_or_service({ 5984 }, { "couchdb" })

function action(host, port)
  local names = {}
  for i, name in ipairs(api.get(host, port, "/_all_dbs") or {}) do
    names[i] = ("%d = %s"):format(i, tostring(name))
  end
  return #names > 0 and stdnse.format_output(true, names) or nil
end
