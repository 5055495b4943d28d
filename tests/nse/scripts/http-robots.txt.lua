-- http-robots.txt on recorded exchanges.
local test, check, fake = ...
local script, web = require "support.script", require "support.web"
local port = { number = 80, service = "http" }

test("paths are listed, each once", function()
  web.serve(80, { ["/robots.txt"] = { header = { ["Content-Type"] = "text/plain" },
    body = "User-agent: *\nDisallow: /admin/\nDisallow: /cgi-bin\nDisallow: /admin/\nDisallow:\n" } })
  check.equal(script.run("http-robots.txt", port), "2 disallowed entries \n/admin/ /cgi-bin")
end)

test("a site without the file has none", function()
  web.serve(80, {})
  check.equal(script.run("http-robots.txt", port), nil)
end)
