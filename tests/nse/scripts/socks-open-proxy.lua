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

test("a version that is lost once is asked for again, silence for good is an error", function()
  local both = { { "\4\1", "\0\x5a\0\0\0\0\0\0" }, { "\5\1\0\1", "\5\0\0\1" },
    { "\5\1\0", "\5\0" } }
  for _, how in ipairs({ "hang", "end" }) do
    for lost = 1, 2 do
      fake.servers["tcp:1080"] = script.server(both)
      script.losing("tcp:1080", lost, lost, how)
      local _, data = script.run("socks-open-proxy", port)
      check.same(data.versions, { "socks4", "socks5" })
    end
  end
  fake.servers["tcp:1080"] = script.server(both)
  script.losing("tcp:1080", 2, 1000, "hang")
  check.throws("no longer answers", script.run, "socks-open-proxy", port)
end)

test("a proxy that is silent where it refuses is shown with the other version", function()
  fake.servers["tcp:1080"] = script.server({ { "\4\1", false }, { "\5\1\0\1", "\5\0\0\1" },
    { "\5\1\0", "\5\0" } })
  check.same(select(2, script.run("socks-open-proxy", port)).versions, { "socks5" })
  fake.servers["tcp:1080"] = script.server({ { "\4\1", "\0\x5a\0\0\0\0\0\0" },
    { "\5\1\0\1", false }, { "\5\1\0", "\5\0" } })
  check.same(select(2, script.run("socks-open-proxy", port)).versions, { "socks4" })
end)

test("a proxy at an address of IPv6 is asked by version 5 only", function()
  fake.servers["tcp:1080"] = script.server({ { "\5\1\0\4", "\5\0\0\4" }, { "\5\1\0", "\5\0" } })
  local _, data = script.run("socks-open-proxy", port, { host = { ip = "2001:db8::1" } })
  check.same(data.versions, { "socks5" })
end)
