-- ajp-headers on the exchange with Tomcat, and on others.
local test, check, fake = ...
local script, ajp = require "support.script", require "ajp"
local hex = require("stdnse").fromhex
local port = { number = 8009, service = "ajp13" }
local reply = hex("414200780400c80003323030000005000d4163636570742d52616e6765730000056279746573"
  .. "00000445546167000014572f2236372d313730363730323430303030302200a005001d5765642c203331"
  .. "204a616e20323032342031323a30303a303020474d5400a0010009746578742f68746d6c00a003000236"
  .. "3700414200470300433c68746d6c3e3c686561643e3c7469746c653e546f6d636174206c61623c2f7469"
  .. "746c653e3c2f686561643e3c626f64793e68693c2f626f64793e3c2f68746d6c3e0a00414200020501")

test("the headers are shown", function()
  fake.servers["tcp:8009"] = function(peer)
    local request = peer:recv()
    check.equal(request:sub(1, 2), "\x12\x34")
    check.equal(request:sub(5, 18), "\2\2\0\8HTTP/1.1\0\0")
    peer:send(reply:sub(1, 90))
    peer:send(reply:sub(91))
    peer:hang()
  end
  check.equal(script.run("ajp-headers", port), [[
  Accept-Ranges: bytes
  ETag: W/"67-1706702400000"
  Last-Modified: Wed, 31 Jan 2024 12:00:00 GMT
  Content-Type: text/html
  Content-Length: 67
]])
end)

test("the body is put together, and a server that asks for ours gets none", function()
  fake.servers["tcp:8009"] = function(peer)
    peer:recv()
    peer:send("AB\0\3\6\0\1")
    check.equal(peer:recv(), "\x12\x34\0\0")
    peer:send(reply)
  end
  local helper = ajp.Helper:new({ ip = "192.0.2.1" }, { number = 8009, protocol = "tcp" })
  helper:connect()
  local status, response = helper:post("/x?y=1", { Cookie = "a=b" }, nil, { auth = {
    username = "u", password = "p" } })
  check.truthy(status, tostring(response))
  check.same({ response.status, #response.body }, { 200, 67 })
end)

test("other protocols, broken packets and silence give none", function()
  for _, answer in ipairs({ "HTTP/1.1 400\r\n\r\n", "AB\0\2\5\1", "AB\0\0", "AB\0\7\4\0\xc8\xff\xff\0\1",
    reply:sub(1, 60), false }) do
    fake.servers["tcp:8009"] = script.server({ { "", answer } })
    check.equal(script.run("ajp-headers", port), nil)
  end
end)
