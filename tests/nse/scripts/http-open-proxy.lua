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

local cached = "HTTP/1.1 200 OK\r\nVia: 1.1 varnish\r\nX-Cache: HIT\r\n\r\npage"

test("a cache before its own site is none, unless it opens tunnels", function()
  local exchange = { { "GET http://192.0.2.1/", cached }, { "HEAD http://192.0.2.1/", cached },
    { "GET / HTTP/1.0\r\nHost: 192.0.2.1\r\n", cached },
    { "CONNECT", "HTTP/1.1 405 Not Allowed\r\n\r\n" } }
  fake.servers["tcp:3128"] = script.server(exchange)
  check.equal(script.run("http-open-proxy", port), nil)
  exchange[4][2] = "HTTP/1.1 200 Connection established\r\n\r\n"
  check.equal(script.run("http-open-proxy", port),
    "Potentially OPEN proxy.\nMethods supported: CONNECTION")
end)

test("a page of another server shows a proxy whatever its own site is", function()
  fake.servers["tcp:3128"] = script.server({ { "GET http://example.com/", cached },
    { "HEAD http://example.com/", cached }, { "GET / ", cached },
    { "CONNECT", "HTTP/1.1 405 Not Allowed\r\n\r\n" } })
  check.equal(script.run("http-open-proxy", port,
    { args = { ["http-open-proxy.url"] = "http://example.com/" } }),
    "Potentially OPEN proxy.\nMethods supported: GET HEAD")
end)

test("silence after a page is an error, the end of a connection a refusal", function()
  for _, silent in ipairs({ "HEAD http", "GET / ", "CONNECT" }) do
    fake.servers["tcp:3128"] = script.server({ { silent, false },
      { "GET / ", "HTTP/1.1 400 Bad Request\r\n\r\n" }, { " http://192.0.2.1/", cached },
      { "CONNECT", "HTTP/1.1 405 Not Allowed\r\n\r\n" } })
    check.throws("no answer for " .. silent:match("%u+"), script.run, "http-open-proxy", port)
  end
  fake.servers["tcp:3128"] = script.server({ { "GET http://192.0.2.1/", cached } })
  check.equal(script.run("http-open-proxy", port),
    "Potentially OPEN proxy.\nMethods supported: GET")
end)
