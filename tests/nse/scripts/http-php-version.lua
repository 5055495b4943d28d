-- http-php-version on recorded exchanges.
local test, check = ...
local script, web = require "support.script", require "support.web"
local port = { number = 80, service = "http" }

test("the version stands in a header", function()
  web.serve(80, { ["/"] = { header = { ["X-Powered-By"] = "PHP/8.2.7-1+deb12u1" }, body = "x" } })
  check.equal(script.run("http-php-version", port),
    "Version from header x-powered-by: PHP/8.2.7-1+deb12u1")
end)

test("without one there is no result", function()
  web.serve(80, { ["/"] = "x" })
  check.equal(script.run("http-php-version", port), nil)
end)
