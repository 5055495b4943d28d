-- tls-nextprotoneg on what OpenSSL 3.0 answered.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 443, service = "https" }

test("the protocols that a server offers are shown", function()
  script.replay("tls-nextprotoneg")
  local text, data = script.run("tls-nextprotoneg", port)
  check.equal(text, "  spdy/3\n  http/1.1")
  check.same(data, { "spdy/3", "http/1.1" })
end)

test("a server without the extension, and one without TLS, give none", function()
  script.replay("ssl-date")
  check.equal(script.run("tls-nextprotoneg", port), nil)
  fake.servers["tcp:443"] = script.server({})
  check.equal(script.run("tls-nextprotoneg", port), nil)
end)
