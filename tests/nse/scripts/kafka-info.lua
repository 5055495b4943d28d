-- kafka-info on answers built as Kafka's protocol guide describes them: ApiVersions version 0,
-- Metadata version 2.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 9092, service = "kafka" }

local function answer(number, body)
  return string.pack(">s4", string.pack(">i4", number) .. body)
end

local function versions(...)
  local body = string.pack(">i2i4", 0, select("#", ...))
  for _, item in ipairs({ ... }) do
    body = body .. string.pack(">i2i2i2", table.unpack(item))
  end
  return answer(1, body)
end

local usual = versions({ 0, 0, 9 }, { 1, 0, 13 }, { 3, 0, 12 }, { 18, 0, 3 })

local function text(value)
  return value and string.pack(">s2", value) or string.pack(">i2", -1)
end

local metadata = answer(2, string.pack(">i4", 2)
  .. string.pack(">i4s2i4", 2, "kafka2.lab", 9092) .. text("r2")
  .. string.pack(">i4s2i4", 1, "kafka1.lab", 9092) .. text(nil)
  .. text("5L6g3nShT-eMCtK--X86sw") .. string.pack(">i4i4", 1, 0))

local function says(...)
  fake.servers["tcp:9092"] = fake.replies(nil, { ... })
end

test("a broker without a login tells its cluster", function()
  local asked = {}
  fake.servers["tcp:9092"] = function(peer)
    for _, said in ipairs({ usual, metadata }) do
      asked[#asked + 1] = peer:recv()
      peer:send(said:sub(1, 6))
      peer:send(said:sub(7))
    end
  end
  check.equal(script.run("kafka-info", port), [[
  Interfaces: 4
  Fetch: 0-13
  TLS: false
  Cluster: 5L6g3nShT-eMCtK--X86sw
  Brokers: 
    1: kafka1.lab:9092
    2: kafka2.lab:9092 (rack r2)
  Open without login: true]])
  check.same(asked, { "\0\0\0\16\0\18\0\0\0\0\0\1\0\6muster", "\0\0\0\20\0\3\0\2\0\0\0\2\0\6muster\0\0\0\0" })
  check.equal(fake.stored(9092).version.product, "Apache Kafka")
end)

test("a broker that wants a login ends the connection", function()
  says(usual)
  check.equal(script.run("kafka-info", port), "  Interfaces: 4\n  Fetch: 0-13\n  TLS: false")
end)

test("a broker that speaks no such Metadata is not asked for it", function()
  says(versions({ 1, 4, 17 }, { 3, 4, 13 }, { 18, 0, 4 }), metadata)
  check.equal(select(2, script.run("kafka-info", port))["Open without login"], nil)
end)

test("silence to the further question is an error", function()
  fake.servers["tcp:9092"] = fake.replies(nil, { usual }, true)
  check.throws("no answer", script.run, "kafka-info", port)
end)

test("metadata that is cut shows no cluster", function()
  for n = 5, 40, 7 do
    says(usual, string.pack(">s4", metadata:sub(5, n)))
    local _, data = script.run("kafka-info", port)
    check.equal(data.Interfaces, 4)
    check.equal(data["Open without login"], nil)
  end
end)

test("lengths that lie, other numbers and other servers give none", function()
  for _, said in ipairs({ "\255\255\255\255abcd", "\0\0\0\2ab", "\0\0\0\5\0\0\0\1x", usual:sub(1, 20),
    answer(7, usual:sub(9)), answer(1, string.pack(">i2i4", 0, -1)), answer(1, string.pack(">i2i4", 0, 0x7fffffff)),
    answer(1, string.pack(">i2i4i2i2i2", 0, 5, 18, 0, 0)),
    answer(1, string.pack(">i2i4i2i2i2", 35, 1, 18, 0, 0)), versions({ 1, 0, 1 }),
    "HTTP/1.1 400 Bad Request\r\n\r\n" }) do
    says(said)
    check.equal(script.run("kafka-info", port), nil)
  end
end)
