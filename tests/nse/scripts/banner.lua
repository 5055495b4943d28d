-- banner on recorded exchanges.
local test, check, fake = ...
local script = require "support.script"

test("what the service says is shown, what is not printable in hexadecimal", function()
  fake.servers["tcp:22"] = fake.replies("SSH-2.0-OpenSSH_9.2p1\1\r\n", {}, true)
  check.equal(script.run("banner", { number = 22 }), "SSH-2.0-OpenSSH_9.2p1\\x01")
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
