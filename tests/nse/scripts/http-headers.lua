-- http-headers on recorded exchanges.
local test, check, fake = ...
local script, web = require "support.script", require "support.web"
local port = { number = 80, service = "http" }

test("headers are shown as they came", function()
  web.serve(80, { ["/"] = { header = { Server = "nginx", ["X-Powered-By"] = "PHP" }, body = "x" } })
  local text = script.run("http-headers", port)
  check.contains(text, "  Server: nginx\n  X-Powered-By: PHP\n")
  check.contains(text, "(Request type: HEAD)")
end)

test("what is no web server has none", function()
  fake.servers["tcp:80"] = fake.replies("SSH-2.0-x\r\n")
  check.equal(script.run("http-headers", port), nil)
end)
