-- rtsp-info on recorded exchanges.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 554, service = "rtsp" }
local sdp = "v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"

test("a camera that shows its stream to anyone", function()
  fake.servers["tcp:554"] = script.server({ { "DESCRIBE rtsp://192.0.2.1:554/",
    ("RTSP/1.0 200 OK\r\nServer: Hipcam\r\nContent-Length: %d\r\n\r\n%s"):format(#sdp, sdp) } })
  check.equal(script.run("rtsp-info", port), "  Server: Hipcam\n  Stream: open (H264)")
end)

test("one that wants a login", function()
  fake.servers["tcp:554"] = script.server({ { "DESCRIBE",
    'RTSP/1.0 401 Unauthorized\r\nWWW-Authenticate: Digest realm="cam", nonce="1"\r\n\r\n' } })
  check.equal(script.run("rtsp-info", port), "  Realm: cam")
end)

test("another server, and garbage, have none", function()
  fake.servers["tcp:554"] = fake.replies(nil, { "SSH-2.0-x\r\n" })
  check.equal(script.run("rtsp-info", port), nil)
  for _ = 1, 200 do
    fake.servers["tcp:554"] = fake.replies(nil, {
      fake.mutated("RTSP/1.0 200 OK\r\nContent-Length: 10\r\n\r\n0123456789") })
    script.run("rtsp-info", port)
  end
end)

test("a length that is no whole number is none", function()
  for _, length in ipairs({ "0.5", "1e1", "0x4", "99999999999999999999" }) do
    fake.servers["tcp:554"] = script.server({ { "DESCRIBE",
      "RTSP/1.0 200 OK\r\nServer: Hipcam\r\nContent-Length: " .. length .. "\r\n\r\n0123456789" } })
    check.contains(script.run("rtsp-info", port), "Server: Hipcam")
  end
end)

test("a header of many blanks is read at once", function()
  local response = require("rtsp").Response:new("RTSP/1.0 200 OK\r\nServer: a" .. (" "):rep(100000)
    .. "b \r\nCSeq:1")
  check.quick(response.getHeader, response, "Server")
  check.equal(response:getHeader("cseq"), "1")
end)
