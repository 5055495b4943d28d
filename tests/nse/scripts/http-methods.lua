-- http-methods on recorded exchanges.
local test, check, fake = ...
local script, web = require "support.script", require "support.web"
local port = { number = 80, service = "http" }

test("methods are shown, those that may change something apart", function()
  web.serve(80, { ["OPTIONS /"] = { header = { Allow = "GET, HEAD,PUT" } } })
  check.equal(script.run("http-methods", port),
    "  Supported Methods: GET HEAD PUT\n  Potentially risky methods: PUT")
end)

test("a server that does not say has none", function()
  web.serve(80, { ["OPTIONS /"] = { status = 405 } })
  check.equal(script.run("http-methods", port), nil)
end)
