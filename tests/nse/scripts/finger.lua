-- finger with an answer as RFC 1288 shows it.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 79, service = "finger" }

test("who is logged in is shown", function()
  fake.servers["tcp:79"] = fake.replies(nil, { "Login  Name  Tty   Idle\r\nroot   root  tty1",
    "" })
  check.equal(script.run("finger", port), "Login  Name  Tty   Idle\r\nroot   root  tty1")
end)

test("bytes that steer a terminal are not passed on", function()
  fake.servers["tcp:79"] = fake.replies(nil, { "No one\27[2J logged on.\r\n" })
  check.equal(script.run("finger", port), "No one.[2J logged on.\r\n")
end)

test("silence and a web server give none", function()
  fake.servers["tcp:79"] = fake.replies(nil, {}, true)
  check.equal(script.run("finger", port), nil)
  fake.servers["tcp:79"] = fake.replies(nil, { "HTTP/1.0 400 Bad Request\r\n\r\n" })
  check.equal(script.run("finger", port), nil)
end)
