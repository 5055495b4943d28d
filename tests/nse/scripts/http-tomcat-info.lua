-- http-tomcat-info with pages as Tomcat gives them.
local test, check = ...
local script, web = require "support.script", require "support.web"
local port = { number = 8080, service = "http" }

local missing = { status = 404, body = "<h1>HTTP Status 404</h1><h3>Apache Tomcat/9.0.70 (Debian)</h3>" }

test("version and applications are shown", function()
  web.serve(8080, { ["/manager/html"] = { status = 401, body = "" }, ["/examples/"] = "<h3>Apache Tomcat Examples</h3>",
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

test("a page that asks for a login, or is none of the application, is not open", function()
  for _, page in ipairs({
    '<title>/manager</title><form action="j_security_check"><input name=j_username>',
    '<title>/manager</title><form><input TYPE = "Password" name=p>', "<title>Portal</title>" }) do
    web.serve(8080, { ["/manager/html"] = page, ["/examples/"] = page, default = missing })
    local _, data = script.run("http-tomcat-info", port)
    check.same(data.Applications, { ["/manager/html"] = "wants a login" })
    check.equal(data.Open, nil)
  end
end)

test("each application is known by its own page", function()
  web.serve(8080, { ["/manager/html"] = '<title>x</title><a href="/manager/html/list">',
    ["/host-manager/html"] = "<title>/host-manager</title>",
    ["/manager/status"] = '<a href="/manager/html/list?org.apache.catalina.filters.CSRF_NONCE=1">',
    default = missing })
  local _, data = script.run("http-tomcat-info", port)
  check.same(data.Open, { "/manager/html", "/host-manager/html", "/manager/status" })
end)

test("an application about which there is no answer is an error", function()
  for _, lost in ipairs({ web.silence, { status = 503 } }) do
    web.serve(8080, { ["/manager/status"] = lost, default = missing })
    check.throws("no answer for /manager/status", script.run, "http-tomcat-info", port)
  end
end)

test("another web server is none", function()
  web.serve(8080, {})
  check.equal(script.run("http-tomcat-info", port), nil)
end)
