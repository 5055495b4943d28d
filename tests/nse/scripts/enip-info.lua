-- enip-info on recorded exchanges.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 44818, service = "EtherNetIP-2" }

local function answer(name)
  local identity = string.pack("<I2I2I2BBI2I4", 1, 12, 158, 3, 7, 0x30, 0xc0ffee)
    .. string.pack("s1", name) .. "\3"
  local item = "\1\0" .. "\0\2\xaf\x12" .. "\xc0\0\2\1" .. ("\0"):rep(8) .. identity
  return "\x63\0" .. string.pack("<I2", #item + 6) .. ("\0"):rep(20) .. "\1\0\x0c\0"
    .. string.pack("<I2", #item) .. item
end

test("the identity object is shown", function()
  fake.servers["tcp:44818"] = fake.replies(nil, { answer("ML-1400 Ethernet Module") })
  check.equal(script.run("enip-info", port), [[
  type: Communications Adapter (12)
  vendor: Rockwell Automation/Allen-Bradley (1)
  productName: ML-1400 Ethernet Module
  serialNumber: 0x00c0ffee
  productCode: 158
  revision: 3.7
  status: 0x0030
  state: 0x03
  deviceIp: 192.0.2.1]])
  check.equal(fake.stored(44818).version.product, "ML-1400 Ethernet Module")
end)

test("another server, and a cut answer, have none", function()
  fake.servers["tcp:44818"] = fake.replies(nil, { "HTTP/1.0 400 Bad Request\r\n\r\n" })
  check.equal(script.run("enip-info", port), nil)
  fake.servers["tcp:44818"] = fake.replies(nil, { answer("x"):sub(1, 40) })
  check.equal(script.run("enip-info", port), nil)
end)
