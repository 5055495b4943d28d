-- socks-open-proxy on recorded exchanges.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 1080, service = "socks5" }

test("a proxy that connects on for anyone is told", function()
  fake.servers["tcp:1080"] = script.server({ { "\4\1", "\0\x5a\0\0\0\0\0\0" }, { "\5\1\0\1", "\5\0\0\1" },
    { "\5\1\0", "\5\0" } })
  check.equal(script.run("socks-open-proxy", port),
    "  status: open\n  versions: \n    socks4\n    socks5")
end)

test("one that wants a login is not", function()
  fake.servers["tcp:1080"] = script.server({ { "\4\1", "\0\x5b\0\0\0\0\0\0" }, { "\5\1\0", "\5\xff" } })
  check.equal(script.run("socks-open-proxy", port), nil)
end)
