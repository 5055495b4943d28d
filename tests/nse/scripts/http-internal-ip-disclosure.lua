-- http-internal-ip-disclosure on recorded exchanges.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 80, service = "http" }

test("an inner address in a redirect is found", function()
  fake.servers["tcp:80"] = script.server({
    { "GET / HTTP/1.0", "HTTP/1.1 302 Found\r\nLocation: https://10.0.0.2/owa/\r\n\r\n" } })
  check.equal(script.run("http-internal-ip-disclosure", port), "  Internal IP Leaked: 10.0.0.2")
end)

test("a name, and the address that we know, are not", function()
  fake.servers["tcp:80"] = script.server({
    { "GET /", "HTTP/1.1 302 Found\r\nLocation: https://www.example/owa/\r\n\r\n" } })
  check.equal(script.run("http-internal-ip-disclosure", port), nil)
  fake.servers["tcp:80"] = script.server({
    { "GET /", "HTTP/1.1 302 Found\r\nLocation: https://10.0.0.9/\r\n\r\n" } })
  check.equal(script.run("http-internal-ip-disclosure", port, { host = { ip = "10.0.0.9" } }), nil)
end)
