-- pop3-capabilities on recorded exchanges.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 110, service = "pop3" }

test("capabilities are listed with their parameters", function()
  fake.servers["tcp:110"] = script.server({ greeting = "+OK ready\r\n",
    { "CAPA", "+OK list\r\nTOP\r\nSASL PLAIN LOGIN\r\nUIDL\r\n.\r\n" }, { "QUIT", "+OK\r\n" } })
  check.equal(script.run("pop3-capabilities", port), "SASL(PLAIN LOGIN) TOP UIDL")
end)

test("another server has none", function()
  fake.servers["tcp:110"] = fake.replies("220 mail\r\n")
  check.equal(script.run("pop3-capabilities", port), nil)
end)
