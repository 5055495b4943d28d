description = [[
Shows what a ZooKeeper server answers to `srvr`: version, role in its ensemble, size of its tree.
]]
---
-- @output
-- | zookeeper-info:
-- |   Version: 3.8.0
-- |   Mode: standalone
-- |   Node count: 5
-- |_  Environment: false

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "safe" }

identity = {}
volatile = { "Latency", "Received", "Sent", "Connections", "Outstanding", "Zxid", "Node count" }
-- `envi` tells paths, users and systems to anyone, where it is let through.
finding = { Environment = "low" }

local asker = require "asker"
local drain = require "drain"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.port_or_service({ 2181, 2182 }, { "zookeeper", "eforward" }, "tcp")

local shown = { "Connections", "Zxid", "Mode", "Node count" }

-- Lines "key: value" or "key=value".
local function pairs_of(text, separator)
  local list = {}
  for line in (text or ""):gmatch("[^\r\n]+") do
    local at, after = line:find(separator, 1, true)
    if at and at > 1 then
      list[line:sub(1, at - 1)] = line:sub(after + 1):gsub("^%s+", "")
    end
  end
  return list
end

function action(host, port)
  local text, reason = drain.all(host, port, "srvr", { bytes_max = 8192 })
  local answer = pairs_of(text, ":")
  local version = answer["Zookeeper version"]
  if not version then
    return asker.unanswered(port, { "zookeeper" }, reason)
  end
  local output = stdnse.output_table()
  output.Version = version:match("^([%w.]+)") or version
  for _, key in ipairs(shown) do
    output[key] = answer[key]
  end
  text, reason = drain.all(host, port, "envi", { bytes_max = 65536 })
  -- servers before 3.5 that were told to keep it end the connection
  if not text and reason ~= "EOF" then
    asker.broken_off(reason)
  end
  local environment = pairs_of(text, "=")
  if environment["java.version"] then
    local facts = stdnse.output_table()
    for _, key in ipairs({ "host.name", "java.version", "os.name", "os.version", "os.arch",
      "user.name" }) do
      facts[key] = environment[key]
    end
    output.Environment = facts
  end
  port.version.name, port.version.product = "zookeeper", "Apache ZooKeeper"
  port.version.version = output.Version
  nmap.set_port_version(host, port)
  return output
end
