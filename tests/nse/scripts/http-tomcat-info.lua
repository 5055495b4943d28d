-- http-tomcat-info with pages as Tomcat gives them.
local test, check = ...
local script, web = require "support.script", require "support.web"
local port = { number = 8080, service = "http" }

local missing = { status = 404, body = "<h1>HTTP Status 404</h1><h3>Apache Tomcat/9.0.70 (Debian)</h3>" }

test("version and applications are shown", function()
  web.serve(8080, { ["/manager/html"] = { status = 401, body = "" }, ["/examples/"] = "<h3>",
    ["/host-manager/html"] = { status = 403, body = "" }, default = missing })
  local text, data = script.run("http-tomcat-info", port)
  check.equal(text, [[
  Version: 9.0.70
  Applications: 
    /manager/html: wants a login
    /host-manager/html: forbidden from here
    /examples/: open]])
  check.equal(data.Open, nil)
end)

test("a manager without a login is a finding", function()
  web.serve(8080, { ["/manager/html"] = "<title>/manager</title>", default = missing })
  local _, data = script.run("http-tomcat-info", port)
  check.same(data.Open, { "/manager/html" })
end)

test("another web server is none", function()
  web.serve(8080, {})
  check.equal(script.run("http-tomcat-info", port), nil)
end)
