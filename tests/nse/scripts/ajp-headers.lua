-- ajp-headers with packets after the description of AJPv13.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 8009, service = "ajp13" }

local function packet(data)
  return "AB" .. string.pack(">s2", data)
end
local function text(s)
  return string.pack(">s2B", s, 0)
end
local headers = packet("\4" .. string.pack(">I2", 200) .. text("OK") .. "\0\2\xa0\1"
  .. text("text/html") .. text("X-Powered-By") .. text("JSP/2.2"))
local answer = headers .. packet("\3" .. string.pack(">s2B", "<html>", 0)) .. packet("\5\1")

test("headers are shown", function()
  fake.servers["tcp:8009"] = fake.replies(nil, { answer }, true)
  check.equal(script.run("ajp-headers", port),
    "  Content-Type: text/html\n  X-Powered-By: JSP/2.2\n")
end)

test("the request is a GET of the path that is wanted", function()
  local asked
  fake.servers["tcp:8009"] = function(peer)
    asked = peer:recv()
    peer:send(answer)
  end
  script.run("ajp-headers", port, { args = { ["ajp-headers.path"] = "/status" } })
  check.equal(asked:sub(1, 2), "\x12\x34")
  check.equal(asked:sub(5, 27), "\2\2\0\8HTTP/1.1\0\0\7/status\0")
end)

test("another server gives none", function()
  fake.servers["tcp:8009"] = fake.replies(nil, { "HTTP/1.1 400 Bad Request\r\n\r\n" })
  check.equal(script.run("ajp-headers", port), nil)
  fake.servers["tcp:8009"] = fake.replies(nil, { packet("\4\0\200\0\9short") })
  check.equal(script.run("ajp-headers", port), nil)
end)

test("a response tells its status line", function()
  fake.servers["tcp:8009"] = fake.replies(nil, { answer }, true)
  local helper = require("ajp").Helper:new({ ip = "192.0.2.1" }, port)
  check.truthy(helper:connect())
  local status, response = helper:get("/")
  check.equal(status and response.status_line, "AJP/1.3 200 OK")
  check.equal(response["status-line"], response.status_line)
end)
