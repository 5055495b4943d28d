-- http-security-headers on recorded exchanges.
local test, check, fake = ...
local script, web = require "support.script", require "support.web"
local port = { number = 80, service = "http" }

test("headers that protect are shown", function()
  web.serve(80, { ["/"] = { header = { ["X-Frame-Options"] = "DENY",
    ["Cache-Control"] = "no-store" } } })
  check.equal(script.run("http-security-headers", port), [[
  X_Frame_Options: 
    Header: X-Frame-Options: DENY
  Cache_Control: 
    Header: Cache-Control: no-store]])
end)

test("a server that sends none has no result", function()
  web.serve(80, { ["/"] = "x" })
  check.equal(script.run("http-security-headers", port), nil)
end)
