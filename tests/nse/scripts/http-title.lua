-- http-title on recorded exchanges.
local test, check, fake = ...
local script, web = require "support.script", require "support.web"
local port = { number = 80, service = "http" }

test("the title is shown", function()
  web.serve(80, { ["/"] = "<html><TITLE>Hello\n there</TITLE></html>" })
  local text, data = script.run("http-title", port)
  check.equal(text, "Hello there")
  check.equal(data.title, "Hello\n there")
end)

test("a redirect to another host is told, not followed", function()
  web.serve(80, { ["/"] = { status = 302, header = { Location = "https://www.example/" } } })
  local text, data = script.run("http-title", port)
  check.equal(text, "Did not follow redirect to https://www.example/")
  check.equal(data.redirect_url, "https://www.example/")
end)

test("what a server draws anew for each client is no other place", function()
  for i, token in ipairs({ "8f2b+%2F", "c01d" }) do
    web.serve(80, { ["/"] = { status = 302, header = { Location = "https://sso.example/in;jsessionid="
      .. token .. "?client=a&state=" .. token .. "&nonce=" .. token .. "&SAMLRequest=" .. token } } })
    local _, data = script.run("http-title", port, { host = { ip = "192.0.2." .. i } })
    check.equal(data.redirect_url,
      "https://sso.example/in;jsessionid=...?client=a&state=...&nonce=...&SAMLRequest=...")
  end
end)

test("a page without a title is told so", function()
  web.serve(80, { ["/"] = "plain" })
  check.equal(script.run("http-title", port), "Site doesn't have a title (text/html).")
end)

test("what is no web server has none", function()
  fake.servers["tcp:80"] = fake.replies("220 mail\r\n")
  check.equal(script.run("http-title", port), nil)
end)
