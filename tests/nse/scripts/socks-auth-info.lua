-- socks-auth-info on recorded exchanges.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 1080, service = "socks5" }

local function proxy(methods)
  return function(peer)
    local offered = (peer:recv() or ""):byte(3)
    peer:send(methods[offered] and string.char(5, offered) or "\5\xff")
  end
end

test("methods that the proxy takes are listed", function()
  fake.servers["tcp:1080"] = proxy({ [0] = true, [2] = true })
  local text, data = script.run("socks-auth-info", port)
  check.equal(text, "  No authentication\n  Username and password")
  check.equal(data[2].method, 2)
end)

test("another server has none", function()
  fake.servers["tcp:1080"] = fake.replies(nil, { "HTTP/1.0 400" })
  check.equal(script.run("socks-auth-info", port), nil)
end)
