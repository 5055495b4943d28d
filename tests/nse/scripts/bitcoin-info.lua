-- bitcoin-info on the messages of a node of version 0.21.
local test, check, fake = ...
local script, digest = require "support.script", require "support.digest"
local port = { number = 8333, service = "bitcoin" }

local function message(command, payload)
  return string.pack("<I4c12I4", 0xd9b4bef9, command, #payload)
    .. digest.sha256(digest.sha256(payload)):sub(1, 4) .. payload
end
local address = string.pack("<I8", 1) .. ("\0"):rep(10) .. "\xff\xff\10\0\0\1\x20\x8d"
local version = message("version", string.pack("<I4I8I8", 70015, 1, 1320868043) .. address
  .. address .. "\xdd\x5d\xfc\xba\xad\x0f\x88\x2d"
  .. string.pack("<s1I4B", "/Satoshi:0.21.0/", 152589, 1))

test("network, version and height are shown", function()
  fake.servers["tcp:8333"] = fake.replies(nil, { version .. message("verack", "") }, true)
  local text, data = script.run("bitcoin-info", port)
  check.equal(text, [[
  Timestamp: 2011-11-09T19:47:23
  Network: main
  Version: 0.7.0
  Node Id: dd5dfcbaad0f882d
  Lastblock: 152589
  User Agent: /Satoshi:0.21.0/]])
  check.equal(data.Lastblock, 152589)
end)

test("another server gives none", function()
  fake.servers["tcp:8333"] = fake.replies(nil, { "HTTP/1.1 400 Bad Request\r\n\r\n" })
  check.equal(script.run("bitcoin-info", port), nil)
end)
