-- l2tp-info on the exchange with xl2tpd, and on others as RFC 2661, section 6, has them.
local test, check, fake = ...
local script, hex = require "support.script", require("stdnse").fromhex
local port = { number = 1701, service = "l2tp", protocol = "udp" }

local function avp(kind, value)
  return string.pack(">I2I2I2", 0x8000 | #value + 6, 0, kind) .. value
end

local function control(avps)
  return string.pack(">I2I2I2I2I2I2", 0xc802, 12 + #avps, 1, 0, 0, 1) .. avps
end

local reply = control(avp(0, "\0\2") .. avp(2, "\1\0") .. avp(6, "\6\x90") .. avp(7, "vpn.example.com")
  .. avp(8, "xelerance.com") .. avp(9, "\x12\x34"))

test("host name, vendor and firmware are shown, and the tunnel is closed", function()
  local closed
  fake.servers["udp:1701"] = function(peer)
    check.contains(peer:recv(), avp(0, "\0\1"))
    peer:send(reply)
    closed = peer:recv()
    check.equal(closed:sub(1, 6), "\xc8\2" .. string.pack(">I2I2", #closed, 0x1234))
    check.contains(closed, avp(0, "\0\4"))
  end
  local text, data = script.run("l2tp-info", port)
  check.equal(text, "  Host name: vpn.example.com\n  Vendor: xelerance.com\n  Firmware: 1680")
  check.equal(data.Firmware, 1680)
end)

test("xl2tpd is told, past an acknowledgement", function()
  fake.servers["udp:1701"] = function(peer)
    peer:recv()
    peer:send(hex "c802000c0001000000000001")
    peer:send(hex("c802006e000100000000000180080000000000028008000000020100800a0000000300000003800a"
      .. "000000040000000000080000000606908013000000076d6973632e6c61622e7465737400130000000878656c6572"
      .. "616e63652e636f6d8008000000099b7f80080000000a0004"))
    peer:recv()
  end
  check.equal(script.run("l2tp-info", port),
    "  Host name: misc.lab.test\n  Vendor: xelerance.com\n  Firmware: 1680")
end)

test("refusals, cut answers and silence give none", function()
  for _, answer in ipairs({ control(avp(0, "\0\4")), reply:sub(1, 18), "\0\0", false }) do
    fake.servers["udp:1701"] = script.server({ { "", answer } })
    check.equal(script.run("l2tp-info", port), nil)
  end
end)
