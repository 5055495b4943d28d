-- http-exposed-files on recorded exchanges.
local test, check = ...
local script, web = require "support.script", require "support.web"
local port = { number = 80, service = "http" }
local plain = { ["Content-Type"] = "text/plain" }

test("files that are served are named", function()
  web.serve(80, {
    ["/.env"] = { header = plain, body = "APP_KEY=base64:xyz\nDB_PASSWORD=secret\n" },
    ["/id_rsa"] = { header = plain, body = "-----BEGIN OPENSSH PRIVATE KEY-----\nx\n" },
  })
  check.equal(script.run("http-exposed-files", port),
    "  /.env: settings of an application\n  /id_rsa: private key of SSH")
end)

test("a server that has a page for everything has none", function()
  web.serve(80, { default = "<h1>a=b Welcome</h1>" })
  check.equal(script.run("http-exposed-files", port), nil)
end)
