-- pptp-version on the exchange with pptpd, and on others.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 1723, service = "pptp" }

local function reply(message, magic)
  return string.pack(">I2I2I4I2I2I2BBI4I4I2I2c64c64", 156, 1, magic or 0x1a2b3c4d, message, 0, 0x100,
    1, 0, 0, 0, 1, 1, "local", "linux")
end

test("vendor, firmware and host name become the version", function()
  fake.servers["tcp:1723"] = script.server({ { "\0\x9c\0\1\x1a\x2b\x3c\x4d\0\1", reply(2) } })
  check.equal(script.run("pptp-version", port), nil)
  local version = fake.stored(1723).version
  check.same({ version.product, version.extrainfo, version.hostname }, { "linux", "Firmware: 1",
    "local" })
end)

test("other answers, cut ones and silence store nothing", function()
  for _, answer in ipairs({ reply(3), reply(2, 7), reply(2):sub(1, 100), false }) do
    fake.servers["tcp:1723"] = script.server({ { "", answer } })
    check.equal(script.run("pptp-version", port), nil)
    check.equal(fake.stored(1723), nil)
  end
end)
