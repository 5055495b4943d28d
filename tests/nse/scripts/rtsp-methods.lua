-- rtsp-methods on recorded exchanges.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 554, service = "rtsp" }

test("methods are shown as the server names them", function()
  fake.servers["tcp:554"] = script.server({ { "OPTIONS * RTSP/1.0\r\nCSeq: 1",
    "RTSP/1.0 200 OK\r\nCSeq: 1\r\nPublic: OPTIONS, DESCRIBE, PLAY\r\n\r\n" } })
  check.equal(script.run("rtsp-methods", port), "OPTIONS, DESCRIBE, PLAY")
end)

test("another server has none", function()
  fake.servers["tcp:554"] = fake.replies(nil, { "HTTP/1.0 400 Bad Request\r\n\r\n" })
  check.equal(script.run("rtsp-methods", port), nil)
end)
