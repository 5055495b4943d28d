-- http-auth on recorded exchanges.
local test, check, fake = ...
local script, web = require "support.script", require "support.web"
local port = { number = 80, service = "http" }

test("a challenge is shown with its parameters, the realm first", function()
  web.serve(80, { ["/"] = { status = 401, header = {
    ["WWW-Authenticate"] = 'Digest nonce="n1", realm="Router", algorithm=MD5' } } })
  local text, data = script.run("http-auth", port)
  check.equal(text, "HTTP/1.1 401 Unauthorized\r\n"
    .. "  Digest realm=Router algorithm=MD5 nonce=n1\n")
  check.equal(data[1].params.realm, "Router")
end)

test("a page for anyone has none", function()
  web.serve(80, { ["/"] = "hello" })
  check.equal(script.run("http-auth", port), nil)
end)
