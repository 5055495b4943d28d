-- mqtt-info on recorded exchanges.
local test, check, fake = ...
local script, mqtt = require "support.script", require "mqtt"
local port = { number = 1883, service = "mqtt" }

local function publish(topic, text)
  return mqtt.build(mqtt.packet.PUBLISH, 0, string.pack(">s2", topic) .. text)
end

test("a broker that lets anyone in tells its version", function()
  fake.servers["tcp:1883"] = fake.replies(nil, { "\x20\2\0\0", "\x90\3\0\1\0"
    .. publish("$SYS/broker/version", "mosquitto version 2.0.11")
    .. publish("$SYS/broker/clients/connected", "3") }, true)
  check.equal(script.run("mqtt-info", port), [[
  Connection: Connection Accepted
  Anonymous: true
  Version: mosquitto version 2.0.11
  Clients: 3]])
end)

test("one that wants a login", function()
  fake.servers["tcp:1883"] = fake.replies(nil, { "\x20\2\0\5" })
  check.equal(script.run("mqtt-info", port), "  Connection: not authorized")
end)

test("another server, and garbage, have none", function()
  fake.servers["tcp:1883"] = fake.replies(nil, { "HTTP/1.0 400 Bad Request\r\n\r\n" })
  check.equal(script.run("mqtt-info", port), nil)
  for _ = 1, 300 do
    fake.servers["tcp:1883"] = fake.replies(nil, { "\x20\2\0\0",
      fake.mutated(publish("$SYS/broker/version", "mosquitto")) }, false)
    script.run("mqtt-info", port)
  end
end)

test("a topic is subscribed to, its messages are read", function()
  local mqtt = require "mqtt"
  fake.servers["tcp:1883"] = fake.replies(nil, { "\x20\2\0\0",
    "\x90\4\0\1\0\x80" .. "\x30\7\0\3a/bhi" .. "\xd0\0" }, true)
  local helper = mqtt.Helper:new({ ip = "192.0.2.1" }, { number = 1883, protocol = "tcp" })
  local status, answer = helper:connect({ client_id = false, username = false })
  check.equal(status and answer.accepted, true)
  status, answer = helper:request("SUBSCRIBE", { filters = { { filter = "a/b" }, { filter = "c" } } },
    "SUBACK")
  check.equal(status, true)
  check.same(answer.filters, { { success = true, max_qos = 0 }, { success = false, max_qos = 0 } })
  status, answer = helper:receive({ "PUBLISH" }, 1)
  check.equal(status and answer.topic .. answer.payload, "a/bhi")
  check.fails(helper:receive({ "PUBLISH" }, 1))
end)
