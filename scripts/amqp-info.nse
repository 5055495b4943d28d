description = [[
Shows what an AMQP server tells before anyone logs in: product, version, platform, capabilities,
mechanisms.
]]
---
-- @output
-- | amqp-info:
-- |   capabilities:
-- |     publisher_confirms: YES
-- |   cluster_name: rabbit@mq
-- |   product: RabbitMQ
-- |   version: 3.10.8
-- |   mechanisms: AMQPLAIN PLAIN
-- |_  locales: en_US

author = "Muster"
license = "Apache-2.0"
categories = { "version", "default", "discovery", "safe" }

identity = {}
volatile = {}

local amqp = require "amqp"
local asker = require "asker"
local nmap = require "nmap"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.version_port_or_service(5672, "amqp", "tcp")

function action(host, port)
  local server = amqp.AMQP:new(host, port)
  local status, reason = server:connect()
  if status then
    status, reason = server:handshake()
    server:disconnect()
  end
  if not status then
    return asker.unanswered(port, { "amqp", "amqps" }, reason)
  end
  port.version.name = "amqp"
  port.version.product = server:getServerProduct()
  port.version.version = server:getServerVersion()
  port.version.extrainfo = server:getProtocolVersion()
  nmap.set_port_version(host, port)
  return stdnse.format_output(true, server:getServerProperties())
end
