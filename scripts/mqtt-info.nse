description = [[
Shows whether an MQTT broker lets anyone in without a login and, if so, what it says of itself in
its $SYS topics.
]]
---
-- @output
-- | mqtt-info:
-- |   Connection: Connection Accepted
-- |   Version: mosquitto version 2.0.11
-- |_  Clients: 3

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "safe" }

identity = {}
volatile = { "Clients" }
finding = { Anonymous = "medium" }

local asker = require "asker"
local mqtt = require "mqtt"
local rand = require "rand"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.port_or_service({ 1883, 8883 }, { "mqtt", "secure-mqtt" }, "tcp")

local topics = {
  ["$SYS/broker/version"] = "Version", ["$SYS/broker/clients/connected"] = "Clients",
}
local messages_max = 4

function action(host, port)
  local ssl = port.number == 8883 or port.version.service_tunnel == "ssl"
  local helper = mqtt.Helper:new(host, port, { ssl = ssl })
  local code, reason = helper:login("muster" .. rand.random_alpha(8))
  if not code then
    helper.socket:close()
    return asker.unanswered(port, { "mqtt", "secure-mqtt" }, reason)
  end
  if code == 3 then
    helper.socket:close()
    asker.check_busy(mqtt.codes[3], "")
  end
  local output = stdnse.output_table()
  output.Connection = mqtt.codes[code] or ("code %d"):format(code)
  if code == 0 then
    output.Anonymous = true
    helper:subscribe({ "$SYS/broker/version", "$SYS/broker/clients/connected" })
    for _ = 1, messages_max do
      local topic, text = helper:message()
      if not topic then
        break
      elseif topics[topic] then
        output[topics[topic]] = text
      end
    end
  end
  helper:close()
  return output
end
