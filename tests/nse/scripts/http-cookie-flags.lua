-- http-cookie-flags on recorded exchanges.
local test, check, fake = ...
local script, web = require "support.script", require "support.web"
local port = { number = 80, service = "http" }

local function page(cookie)
  web.serve(80, { ["/"] = { header = { ["Set-Cookie"] = cookie }, body = "x" } })
end

test("a session cookie that scripts can read is told", function()
  page("PHPSESSID=1; Path=/")
  check.equal(script.run("http-cookie-flags", port),
    "  /: \n    PHPSESSID: \n      httponly flag not set")
end)

test("the letters at the end of an ASP session's name are left out", function()
  page("ASPSESSIONIDQCBTRDSD=1; Path=/")
  check.equal(script.run("http-cookie-flags", port),
    "  /: \n    ASPSESSIONID: \n      httponly flag not set")
end)

test("one that is protected, and one that is no session, are not", function()
  page("PHPSESSID=1; Path=/; HttpOnly")
  check.equal(script.run("http-cookie-flags", port), nil)
  page("colour=blue")
  check.equal(script.run("http-cookie-flags", port, { host = { ip = "192.0.2.2" } }), nil)
end)
