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

test("the nonce of a policy, which is another for each page, is left out", function()
  for i, nonce in ipairs({ "abc+/=", "def" }) do
    web.serve(80, { ["/"] = { header = { ["Content-Security-Policy"] =
      "script-src 'self' 'nonce-" .. nonce .. "' 'unsafe-inline'" } } })
    local _, data = script.run("http-security-headers", port, { host = { ip = "192.0.2." .. i } })
    check.same(data.Content_Security_Policy, { "Header: Content-Security-Policy: "
      .. "script-src 'self' 'nonce-...' 'unsafe-inline'" })
  end
end)

test("that the page of port 80 has none is a result of no text; an error and silence give none", function()
  web.serve(80, { ["/"] = "x" })
  check.equal(script.run("http-security-headers", port), "")
  web.serve(8080, { ["/"] = "x" })
  check.equal(script.run("http-security-headers", { number = 8080, service = "http-proxy" }), nil)
  fake.servers["tcp:80"] = fake.replies(nil, {}, true)
  check.equal(script.run("http-security-headers", port), nil)
end)
