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

test("a protocol whose connection is turned away once is there, one that is again is an error", function()
  script.replay("tls-alpn", nil, { 1, 2, 0, 3, 4 })
  check.same(select(2, script.run("tls-alpn", port)), { "h2", "http/1.1" })
  script.replay("tls-alpn", nil, { 1, 2, 3, 0, 0 })
  check.same(select(2, script.run("tls-alpn", port)), { "h2", "http/1.1" })
  local serve, n = fake.servers["tcp:443"], 0
  script.replay("tls-alpn")
  serve = fake.servers["tcp:443"]
  fake.servers["tcp:443"] = function(peer)
    n = n + 1
    return n > 2 and peer:hang() or serve(peer)
  end
  check.throws("no answer after h2", script.run, "tls-alpn", port)
end)

test("a server without the extension gives none", function()
  script.replay("ssl-date")
  check.equal(script.run("tls-alpn", port), nil)
end)
