description = [[
Shows what a Bitcoin node says of itself: time, network, version, node id, height of its chain.
]]
---
-- @output
-- | bitcoin-info:
-- |   Timestamp: 2011-11-09T19:47:23
-- |   Network: main
-- |   Version: 0.7.0
-- |   Node Id: dd5dfcbaad0f882d
-- |   Lastblock: 152589
-- |_  User Agent: /Satoshi:0.7.0/

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "safe" }

-- The node id is made anew for each connection.
identity = {}
volatile = { "Timestamp", "Node Id", "Lastblock" }

local asker = require "asker"
local bitcoin = require "bitcoin"
local datetime = require "datetime"
local shortport = require "shortport"
local stdnse = require "stdnse"
stdnse.silent_require "openssl"

portrule = shortport.port_or_service(8333, "bitcoin", "tcp")

-- First bytes of every message, of Bitcoin's chainparams.
local networks = {
  [0xd9b4bef9] = "main", [0x0709110b] = "testnet3", [0xdab5bffa] = "regtest",
  [0x40cf030a] = "signet",
}

function action(host, port)
  local node = bitcoin.Helper:new(host, port, { timeout = 10000 })
  local status, version = node:connect()
  if status then
    status, version = node:exchVersion()
    node:close()
  end
  if not status then
    return asker.unanswered(port, { "bitcoin" }, version)
  end
  datetime.record_skew(host, version.timestamp)

  local output = stdnse.output_table()
  output.Timestamp = datetime.format_timestamp(version.timestamp)
  output.Network = networks[version.magic]
  output.Version = version.ver
  output["Node Id"] = version.nodeid
  output.Lastblock = version.lastblock
  output["User Agent"] = version.user_agent
  return output
end
