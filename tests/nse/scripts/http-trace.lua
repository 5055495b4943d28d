-- http-trace on recorded exchanges.
local test, check, fake = ...
local script, web = require "support.script", require "support.web"
local port = { number = 80, service = "http" }

test("a server that answers TRACE is found", function()
  web.serve(80, { ["TRACE /"] = { header = { ["Content-Type"] = "message/http",
    Server = "Apache" }, body = "TRACE / HTTP/1.1\r\nHost: 192.0.2.1\r\n\r\n" } })
  check.equal(script.run("http-trace", port), "TRACE is enabled")
  fake.verbose_level = 1
  local text = script.run("http-trace", port)
  check.contains(text, "TRACE is enabled\nHeaders:\n")
  check.contains(text, "\nServer: Apache")
end)

test("one that does not has no result", function()
  web.serve(80, { ["TRACE /"] = { status = 405 } })
  check.equal(script.run("http-trace", port), nil)
end)
