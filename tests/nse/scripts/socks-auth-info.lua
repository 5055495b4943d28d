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

test("a method whose answer is lost once is asked for again, silence for good is an error", function()
  for lost = 2, 3 do
    fake.servers["tcp:1080"] = proxy({ [0] = true, [1] = true, [2] = true })
    script.losing("tcp:1080", lost, lost, "hang")
    check.equal(script.run("socks-auth-info", port),
      "  No authentication\n  GSSAPI\n  Username and password")
    fake.servers["tcp:1080"] = proxy({ [0] = true, [1] = true, [2] = true })
    script.losing("tcp:1080", lost, 1000, "hang")
    check.throws("no longer answers", script.run, "socks-auth-info", port)
  end
end)

test("a method that is refused by the connection's end, or by silence, is none", function()
  for _, how in ipairs({ "end", "hang" }) do
    fake.servers["tcp:1080"] = function(peer)
      if peer:recv():byte(3) == 2 then
        peer:send("\5\2")
      elseif how == "hang" then
        peer:hang()
      end
    end
    check.equal(script.run("socks-auth-info", port), "  Username and password")
  end
end)
