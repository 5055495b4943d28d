-- http-open-proxy on recorded exchanges.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 3128, service = "squid-http" }

test("a proxy that forwards for anyone is found", function()
  fake.servers["tcp:3128"] = script.server({
    { "GET http://192.0.2.1/", "HTTP/1.1 200 OK\r\nVia: 1.1 gate (squid)\r\n\r\nhello" },
    { "HEAD http://192.0.2.1/", "HTTP/1.1 200 OK\r\nVia: 1.1 gate (squid)\r\n\r\n" },
    { "CONNECT 192.0.2.1:80", "HTTP/1.1 200 Connection established\r\n\r\n" },
  })
  check.equal(script.run("http-open-proxy", port),
    "Potentially OPEN proxy.\nMethods supported: GET HEAD CONNECTION")
end)

test("one that wants a login, and a plain web server, are not", function()
  fake.servers["tcp:3128"] = script.server({
    { "", "HTTP/1.1 407 Proxy Authentication Required\r\nVia: 1.1 gate\r\n\r\n" } })
  check.equal(script.run("http-open-proxy", port), nil)
  fake.servers["tcp:3128"] = script.server({ { "", "HTTP/1.1 200 OK\r\nServer: x\r\n\r\npage" } })
  check.equal(script.run("http-open-proxy", port), nil)
end)
