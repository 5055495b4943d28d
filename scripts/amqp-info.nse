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
local nmap = require "nmap"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.version_port_or_service(5672, "amqp", "tcp")

function action(host, port)
  local server = amqp.AMQP:new(host, port)
  if not server:connect() then
    return nil
  end
  local status, reason = server:handshake()
  server:disconnect()
  if not status then
    stdnse.debug1("%s", tostring(reason))
    return nil
  end
  port.version.name = "amqp"
  port.version.product = server:getServerProduct()
  port.version.version = server:getServerVersion()
  port.version.extrainfo = server:getProtocolVersion()
  nmap.set_port_version(host, port)
  return stdnse.format_output(true, server:getServerProperties())
end
