-- amqp-info on recorded exchanges.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 5672, service = "amqp" }

local function field(name, value)
  if value == true then
    return string.pack("s1", name) .. "t\1"
  end
  return string.pack("s1", name) .. "S" .. string.pack(">s4", value)
end
local inner = string.pack(">s4", field("publisher_confirms", true))
local properties = string.pack("s1", "capabilities") .. "F" .. inner
  .. field("product", "RabbitMQ") .. field("version", "3.10.8")
local start = string.pack(">I2I2BB", 10, 10, 0, 9) .. string.pack(">s4", properties)
  .. string.pack(">s4", "AMQPLAIN PLAIN") .. string.pack(">s4", "en_US")
local frame = string.pack(">BI2I4", 1, 0, #start) .. start .. "\xce"

test("a server tells what it is", function()
  fake.servers["tcp:5672"] = fake.replies(nil, { frame })
  check.equal(script.run("amqp-info", port), [[
  capabilities: 
    publisher_confirms: YES
  product: RabbitMQ
  version: 3.10.8
  mechanisms: AMQPLAIN PLAIN
  locales: en_US
]])
  check.equal(fake.stored(5672).version.version, "3.10.8")
end)

test("a frame of length 0 is no greeting", function()
  fake.servers["tcp:5672"] = fake.replies(nil, { string.pack(">BI2I4", 1, 0, 0) .. "\xce" })
  check.equal(script.run("amqp-info", port), nil)
end)

test("another server, and garbage, have none", function()
  fake.servers["tcp:5672"] = fake.replies(nil, { "HTTP/1.0 400 Bad Request\r\n\r\n" })
  check.equal(script.run("amqp-info", port), nil)
  for _ = 1, 300 do
    fake.servers["tcp:5672"] = fake.replies(nil, { fake.mutated(frame) })
    script.run("amqp-info", port)
  end
end)
