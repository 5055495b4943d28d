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

test("silence at the second page is an error, but not at both", function()
  web.serve(80, { ["/"] = "x", ["/index.php"] = web.silence })
  check.throws("no answer for /index.php", script.run, "http-php-version", port)
  web.serve(80, { ["/index.php"] = { status = 500, header = { Server = "x PHP/8.2.7" } } })
  check.equal(script.run("http-php-version", port), "Version from header server: PHP/8.2.7")
  web.serve(80, { default = web.silence })
  check.equal(script.run("http-php-version", port), nil)
end)
