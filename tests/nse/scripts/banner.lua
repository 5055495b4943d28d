-- banner on recorded exchanges.
local test, check, fake = ...
local script = require "support.script"

test("what the service says is shown, what is not printable in hexadecimal", function()
  fake.servers["tcp:22"] = fake.replies("SSH-2.0-OpenSSH_9.2p1\1\r\n", {}, true)
  check.equal(script.run("banner", { number = 22 }), "SSH-2.0-OpenSSH_9.2p1\\x01")
end)

test("a greeting that comes in pieces is put together", function()
  fake.servers["tcp:873"] = function(peer)
    peer:send("@RSYNCD: 32.0\n")
    peer:send("motd\n")
    peer:hang()
  end
  check.equal(script.run("banner", { number = 873 }), "@RSYNCD: 32.0\\x0Amotd")
end)

test("a server that never ends is not listened to for ever", function()
  local n = 0
  fake.servers["tcp:19"] = function(peer)
    while n < 1000 do
      n = n + 1
      peer:send(("x"):rep(72))
      coroutine.yield("the client reads on")
    end
  end
  check.equal(script.run("banner", { number = 19 }), ("x"):rep(60) .. "...\n")
  check.truthy(n < 100)
end)

test("a long greeting is cut to the screen", function()
  fake.servers["tcp:25"] = fake.replies(("x"):rep(200) .. "\r\n", {}, true)
  check.equal(script.run("banner", { number = 25 }), ("x"):rep(60) .. "...\n")
end)

test("a port of TLS is greeted in TLS", function()
  fake.servers["ssl:993"] = fake.replies("* OK ready\r\n", {}, true)
  check.equal(script.run("banner", { number = 993, service = "imaps" }), "* OK ready")
end)

test("silence, and a port that must not be touched, give nothing", function()
  fake.servers["tcp:80"] = fake.replies(nil, {}, true)
  check.equal(script.run("banner", { number = 80 }), nil)
  check.equal(select(3, script.run("banner", { number = 9100 })), false)
end)
