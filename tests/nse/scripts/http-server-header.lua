-- http-server-header on recorded exchanges.
local test, check, fake = ...
local script, web = require "support.script", require "support.web"
local port = { number = 80, service = "http" }

test("the header is shown and fills the version in", function()
  web.serve(80, { ["/"] = { header = { Server = "lighttpd/1.4.69" }, body = "x" } })
  local text, data = script.run("http-server-header", port)
  check.equal(text, "lighttpd/1.4.69")
  check.same(data, { "lighttpd/1.4.69" })
  check.equal(fake.stored(80).version.product, "lighttpd")
  check.equal(fake.stored(80).version.version, "1.4.69")
end)

test("a server that does not say has none", function()
  web.serve(80, { ["/"] = "x" })
  check.equal(script.run("http-server-header", port), nil)
end)
