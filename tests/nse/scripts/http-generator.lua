-- http-generator on recorded exchanges.
local test, check, fake = ...
local script, web = require "support.script", require "support.web"
local port = { number = 80, service = "http" }

test("the generator is shown", function()
  web.serve(80, { ["/"] = '<head><meta content="WordPress 6.4.2" name="Generator" /></head>' })
  check.equal(script.run("http-generator", port), "WordPress 6.4.2")
end)

test("a page without one has none", function()
  web.serve(80, { ["/"] = '<meta name="author" content="x">' })
  check.equal(script.run("http-generator", port), nil)
end)
