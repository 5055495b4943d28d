description = [[
Shows the names and sizes of the databases of a MongoDB server that lists them for anyone.
]]
---
-- @output
-- | mongodb-databases:
-- |   databases
-- |     0
-- |       name = admin
-- |       sizeOnDisk = 40960
-- |       empty = false
-- |   totalSize = 40960
-- |_  ok = 1.0

author = "Muster"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

identity = {}
volatile = { "sizeOnDisk", "totalSize", "totalSizeMb", "operationTime", "$clusterTime" }
finding = { databases = "high" }

local asker = require "asker"
local mongodb = require "mongodb"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.port_or_service({ 27017 }, { "mongodb", "mongod" })

function action(host, port)
  local socket, reason = mongodb.connect(host, port)
  if not socket then
    return asker.unanswered(port, { "mongodb", "mongod" }, reason)
  end
  local _, query = mongodb.listDbQuery()
  local status, document = mongodb.query(socket, query)
  socket:close()
  if not status then
    return asker.broken_off(document)
  end
  return document, stdnse.format_output(true, mongodb.queryResultToTable(document))
end
