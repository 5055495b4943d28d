-- bitcoin: the version handshake and what nodes tell.
local test, check, fake = ...

local bitcoin = require "bitcoin"
local digest = require "support.digest"

local function message(command, payload)
  return string.pack("<I4c12I4", 0xd9b4bef9, command, #payload)
    .. digest.sha256(digest.sha256(payload)):sub(1, 4) .. payload
end
local address = string.pack("<I8", 1) .. ("\0"):rep(10) .. "\xff\xff\10\0\0\1" .. string.pack(">I2",
  8333)
local version = message("version", string.pack("<I4I8I8", 70015, 1, 1320868043) .. address
  .. address
  .. "\xdd\x5d\xfc\xba\xad\x0f\x88\x2d" .. string.pack("<s1I4B", "/Satoshi:0.21.0/", 152589, 1))
local addresses = message("addr", "\2" .. string.pack("<I4", 1700000000) .. address
  .. string.pack("<I4", 1700000001)
  .. string.pack("<I8", 1) .. ("\0"):rep(15) .. "\1" .. string.pack(">I2", 18333))

local verack = message("verack", "")

local function talk(...)
  local replies = { ... }
  fake.servers["tcp:8333"] = function(peer)
    for _, reply in ipairs(replies) do
      peer:recv()
      peer:send(reply)
    end
  end
  local helper = bitcoin.Helper:new({ ip = "192.0.2.1" }, { number = 8333, protocol = "tcp" })
  check.truthy(helper:connect())
  return helper
end

test("a node's version is read", function()
  local status, v = talk(version .. message("verack", "")):exchVersion()
  check.truthy(status, tostring(v))
  check.same({ v.ver, v.ver_raw, v.timestamp, v.nodeid, v.lastblock, v.user_agent, v.magic },
    { "0.7.0", 70015, 1320868043, "dd5dfcbaad0f882d", 152589, "/Satoshi:0.21.0/", 0xd9b4bef9 })
  check.same({ v.sa.host, v.sa.port }, { "10.0.0.1", 8333 })
end)

test("the addresses that a node knows, past its pings", function()
  local helper = talk(version .. message("verack", ""), "", message("ping", "12345678")
    .. addresses)
  helper:exchVersion()
  local status, nodes = helper:getNodes()
  check.truthy(status, tostring(nodes))
  check.same({ nodes[1].address.host, nodes[1].ts, nodes[2].address.host, nodes[2].address.port },
    { "10.0.0.1", 1700000000, "::1", 18333 })
end)

test("what is no node is told as such", function()
  for _, reply in ipairs({ "HTTP/1.1 400 Bad Request\r\n\r\n", "", "garbage", version:sub(1, 60),
    string.pack("<I4c12I4I4", 1, "version", 0x7fffffff, 0) }) do
    check.fails(talk(reply):exchVersion())
  end
end)

test("20,000 mutated answers neither throw nor hang", function()
  fake.quick_digests()
  for _ = 1, 20000 do
    local helper = talk(fake.mutated(version .. verack), fake.mutated(addresses),
      fake.mutated(addresses))
    if helper:exchVersion() then
      helper:getNodes()
    end
  end
end)
