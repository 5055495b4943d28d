-- stun-info on the exchange with coturn, and on others.
local test, check, fake = ...
local script, hex = require "support.script", require("stdnse").fromhex
local port = { number = 3478, service = "stun", protocol = "udp" }
-- MAPPED-ADDRESS, XOR-MAPPED-ADDRESS, RESPONSE-ORIGIN, OTHER-ADDRESS, SOFTWARE
local attributes = hex("002000080001c56c2b71a440000100080001e47e0a630002802b000800010d960a630018"
  .. "802c000800010d970a63001880220014436f7475726e2d342e362e312027476f72737427")

-- Answers with the transaction that was asked for.
local function server(kind, body)
  return function(peer)
    local request = peer:recv()
    while request do
      peer:send(string.pack(">I2I2", kind, #body) .. request:sub(5, 20) .. body)
      request = peer:recv()
    end
  end
end

test("the address that the server sees is shown", function()
  fake.servers["udp:3478"] = server(0x101, attributes)
  local text, data = script.run("stun-info", port)
  check.equal(text, "  External IP: 10.99.0.2")
  check.same(data, { ["External IP"] = "10.99.0.2" })
end)

test("IPv6 is mixed with the whole transaction", function()
  fake.servers["udp:3478"] = function(peer)
    local request = peer:recv()
    local key, mixed = request:sub(5, 20), {}
    local address = "\x20\1\x0d\xb8" .. ("\0"):rep(11) .. "\7"
    for i = 1, 16 do
      mixed[i] = string.char(address:byte(i) ~ key:byte(i))
    end
    peer:send("\1\1\0\x18" .. key .. "\0\x20\0\x14\0\2\0\0" .. table.concat(mixed))
  end
  check.equal(script.run("stun-info", port), "  External IP: 2001:db8::7")
end)

test("refusals, foreign transactions, silence give none", function()
  for _, answer in ipairs({ server(0x111, ""), server(0x101, ""), server(0x101, "\0\x20\0\xff"),
    script.server({ { "", hex "010100002112a442000000000000000000000000" } }),
    script.server({ { "", false } }) }) do
    fake.servers["udp:3478"] = answer
    check.equal(script.run("stun-info", port), nil)
  end
end)
