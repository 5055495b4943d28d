-- drda-info on exchanges recorded from Apache Derby 10.14, and in the form of DB2.
local test, check, fake = ...
local script = require "support.script"
local drda = require "drda"
local port = { number = 1527, service = "drda" }

local function reply(code_point, ...)
  local object = drda.parameter(code_point, table.concat({ ... }))
  return string.pack(">I2BBI2", #object + 6, 0xd0, 2, 1) .. object
end
local function text(code_point, value)
  return drda.parameter(code_point, drda.StringUtil.toEBCDIC(value))
end
local db2 = reply(drda.CP.EXCSATRD, text(drda.CP.EXTNAM, "prodinstdb2agent00001C210"),
  text(drda.CP.SRVCLSNM, "QDB2/6000"), text(drda.CP.SRVNAM, "prodinst"),
  text(drda.CP.SRVRLSLV, "SQL08029"))

test("Derby tells its version", function()
  script.replay("drda-info")
  check.equal(script.run("drda-info", port), [[
  Derby Version: 10.14.2.0 - (???)
  Server Platform: Apache Derby
  Instance Name: NetworkServerControl
  External Name: NetworkServerControl main]])
  check.equal(fake.stored(1527).version.product, "Apache Derby Network Server")
end)

test("DB2 tells its platform", function()
  fake.servers["tcp:50000"] = fake.replies(nil, { db2 })
  check.equal(script.run("drda-info", { number = 50000, service = "ibm-db2" }), [[
  DB2 Version: 8.02.9
  Server Platform: QDB2/6000
  Instance Name: prodinst
  External Name: prodinstdb2agent00001C210]])
end)

test("another server, and garbage, have none", function()
  fake.servers["tcp:1527"] = fake.replies("220 ftp\r\n")
  check.equal(script.run("drda-info", port), nil)
  for _ = 1, 300 do
    fake.servers["tcp:1527"] = fake.replies(nil, { fake.mutated(db2) })
    script.run("drda-info", port)
  end
end)

test("text is turned into EBCDIC and back", function()
  check.equal(drda.StringUtil.toEBCDIC("Az 9"), "\xc1\xa9\x40\xf9")
  check.equal(drda.StringUtil.toASCII("\xc1\xa9\x40\xf9\0"), "Az 9?")
end)

test("a login is accepted or refused", function()
  local function login(code)
    fake.servers["tcp:1527"] = fake.replies(nil, { db2 .. reply(drda.CP.ACCSECRD,
      drda.parameter(drda.CP.SECMEC, "\0\3")), reply(drda.CP.SECCHKRM,
      drda.parameter(drda.CP.SECCHKCD, code)) })
    local helper = drda.Helper:new()
    helper:connect("192.0.2.1", 1527)
    return helper:login("SAMPLE", "eve", "secret")
  end
  check.truthy(login("\0"))
  check.fails(login("\15"))
end)
