-- tls-alpn on what OpenSSL 3.0 answered.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 443, service = "https" }

test("the protocols that a server agrees to are shown", function()
  script.replay("tls-alpn")
  local text, data = script.run("tls-alpn", port)
  check.equal(text, "  h2\n  http/1.1")
  check.same(data, { "h2", "http/1.1" })
end)

test("a server without the extension gives none", function()
  script.replay("ssl-date")
  check.equal(script.run("tls-alpn", port), nil)
end)
