description = [[
Shows what a DRDA server (DB2, Derby, Informix) says of itself when a conversation begins.
]]
---
-- @output
-- | drda-info:
-- |   DB2 Version: 11.05.0
-- |   Server Platform: QDB2/6000
-- |   Instance Name: prodinst
-- |_  External Name: prodinstdb2agent00001C210

author = "Muster"
license = "Apache-2.0"
categories = { "safe", "discovery", "version" }

identity = {}
-- the agent that answers
volatile = { "External Name" }

local asker = require "asker"
local drda = require "drda"
local nmap = require "nmap"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.version_port_or_service({ 50000, 60000, 9090, 1526, 1527 },
  { "drda", "ibm-db2" }, "tcp")

-- By what the server calls its class: short name, product.
local products = {
  { "^Apache Derby", "Derby", "Apache Derby Network Server" },
  { "^IDS/", "Informix", "IBM Informix Dynamic Server" }, { "^QDB2", "DB2", "IBM DB2 Database Server" },
}

local function product_of(info)
  for _, product in ipairs(products) do
    if (info.platform or ""):find(product[1]) then
      return product[2], product[3]
    end
  end
  return "Server", "DRDA server"
end

function action(host, port)
  local helper = drda.Helper:new()
  local status, info = helper:connect(host, port)
  if status then
    status, info = helper:getServerInfo()
    helper:close()
  end
  if not status then
    return asker.unanswered(port, { "drda", "ibm-db2" }, info)
  end
  local short, product = product_of(info)
  local output = stdnse.output_table()
  output[short .. " Version"] = info.version
  output["Server Platform"] = info.platform
  output["Instance Name"] = info.instance
  output["External Name"] = info.extname
  port.version.name, port.version.product = "drda", product
  port.version.version = info.version
  nmap.set_port_version(host, port)
  return #output > 0 and output or nil
end
