-- stun-version on the exchange with coturn, and with a server without a name.
local test, check, fake = ...
local script, hex = require "support.script", require("stdnse").fromhex
local port = { number = 3478, service = "stun", protocol = "udp" }

local function server(body)
  return function(peer)
    local request = peer:recv()
    if request then
      peer:send(string.pack(">I2I2", 0x101, #body) .. request:sub(5, 20) .. body)
    end
  end
end

test("the software's name becomes the product", function()
  fake.servers["udp:3478"] = server(hex("002000080001c56c2b71a44080220014436f7475726e2d342e362e31"
    .. "2027476f72737427"))
  check.equal(script.run("stun-version", port), nil)
  check.equal(fake.stored(3478).version.product, "Coturn-4.6.1 'Gorst'")
end)

test("without a name nothing is stored", function()
  fake.servers["udp:3478"] = server(hex "002000080001c56c2b71a440")
  check.equal(script.run("stun-version", port), nil)
  check.equal(fake.stored(3478), nil)
end)
