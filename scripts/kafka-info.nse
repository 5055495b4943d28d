description = [[
Shows what a Kafka broker tells before any login: which versions of its protocol it speaks and, where
it asks for no login, the cluster and its brokers.
]]
---
-- Asks ApiVersions (version 0) and, if that is answered, Metadata (version 2) without any topic (Kafka
-- protocol guide, "The Messages"). A broker that wants a login ends the connection at that.
--
-- @output
-- | kafka-info:
-- |   Interfaces: 59
-- |   Fetch: 0-13
-- |   TLS: false
-- |   Cluster: 5L6g3nShT-eMCtK--X86sw
-- |   Brokers:
-- |     1: 192.0.2.1:9092
-- |_  Open without login: true

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "safe" }

identity = {}
volatile = {}
-- whoever connects reads and writes every topic, unless rules say otherwise
finding = { ["Open without login"] = "high" }

local asker = require "asker"
local comm = require "comm"
local greeting = require "greeting"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.port_or_service({ 9092, 9093, 9094 }, { "kafka", "kafka-tls" }, "tcp")

local FETCH, METADATA, API_VERSIONS = 1, 3, 18
local answer_max, list_max = 1024 * 1024, 1000

-- A request: its key, its version, a number, the client's name, the body.
local function request(key, version, number, body)
  local head = string.pack(">i2i2i4s2", key, version, number, "muster")
  return string.pack(">s4", head .. body)
end

-- The rest of an answer of which `text` came already: its body behind the number, or nil and the
-- reason.
local function answer_of(socket, text, number)
  local want = #text >= 4 and string.unpack(">I4", text) or 0
  if want < 4 or want > answer_max then
    return nil, "not Kafka"
  end
  while #text < 4 + want do
    local status, piece = socket:receive()
    if not status then
      return nil, piece
    end
    text = text .. piece
  end
  if string.unpack(">i4", text, 5) ~= number then
    return nil, "not Kafka"
  end
  return text:sub(9, 4 + want)
end

local function ask(socket, key, version, number, body)
  local status, text = socket:send(request(key, version, number, body))
  if status then
    status, text = socket:receive_bytes(4)
  end
  if not status then
    return nil, text
  end
  return answer_of(socket, text, number)
end

-- Key of an interface -> { oldest version, newest version }, and how many there are.
local function versions_of(body)
  local count, list, n = #body >= 6 and string.unpack(">i4", body, 3) or -1, {}, 0
  if count < 1 or count > list_max or #body < 6 + 6 * count or body:sub(1, 2) ~= "\0\0" then
    return nil
  end
  for i = 0, count - 1 do
    local key, oldest, newest = string.unpack(">i2i2i2", body, 7 + 6 * i)
    list[key], n = { oldest, newest }, n + 1
  end
  return list[API_VERSIONS] and list, n
end

-- A text that may be null, and the position after it.
local function nullable(body, at)
  local length = string.unpack(">i2", body, at)
  if length < 0 then
    return nil, at + 2
  end
  return string.unpack(">s2", body, at)
end

-- Cluster and brokers of an answer to Metadata. Throws on what is cut.
local function read_metadata(body, output)
  local count, at, rack = string.unpack(">i4", body)
  local brokers = {}
  for _ = 1, math.min(count, list_max) do
    local id, host, number
    id, host, number, at = string.unpack(">i4s2i4", body, at)
    rack, at = nullable(body, at)
    brokers[#brokers + 1] = ("%d: %s:%d"):format(id, host, number)
      .. (rack and (" (rack %s)"):format(rack) or "")
  end
  output.Cluster = nullable(body, at)
  table.sort(brokers)
  output.Brokers = #brokers > 0 and brokers or nil
end

local function show_metadata(socket, output)
  local body, reason = ask(socket, METADATA, 2, 2, string.pack(">i4", 0))
  if not body and reason == "TIMEOUT" then
    asker.broken_off(reason)
  end
  if body and pcall(read_metadata, body, output) then
    output["Open without login"] = true
  end
end

function action(host, port)
  -- the usual port for plain text gets no greeting of TLS, which brokers log as a broken request
  local is_plain = port.number == 9092 and (port.version or {}).service_tunnel ~= "ssl"
  local socket, text, protocol = comm.tryssl(host, port, request(API_VERSIONS, 0, 1, ""),
    { bytes = 4, timeout = 5000, proto = is_plain and "tcp" or nil })
  if not socket then
    return asker.unanswered(port, { "kafka", "kafka-tls" }, text)
  end
  local body = answer_of(socket, text, 1)
  local versions, count = versions_of(body or "")
  if not versions then
    socket:close()
    return nil
  end
  local output, fetch = stdnse.output_table(), versions[FETCH]
  output.Interfaces = count
  output.Fetch = fetch and ("%d-%d"):format(fetch[1], fetch[2])
  output.TLS = protocol == "ssl"
  local metadata = versions[METADATA]
  if metadata and metadata[1] <= 2 and metadata[2] >= 2 then
    show_metadata(socket, output)
  end
  socket:close()
  greeting.store(host, port, { name = "kafka", product = "Apache Kafka",
    cpe = { "cpe:/a:apache:kafka" } }, protocol == "ssl")
  return output
end
