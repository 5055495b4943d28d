-- http-config-backup on recorded exchanges.
local test, check = ...
local script, web = require "support.script", require "support.web"
local port = { number = 80, service = "http" }

test("a copy of a configuration is found", function()
  web.serve(80, { ["/blog/wp-config.php.bak"] = "<?php define('DB_PASSWORD', 'x');" })
  check.equal(script.run("http-config-backup", port,
    { args = { ["http-config-backup.path"] = "/blog" } }),
    "  /blog/wp-config.php.bak HTTP/1.1 200 OK")
end)

test("a server that has a page for everything has none", function()
  web.serve(80, { default = "<h1>Welcome</h1>" })
  check.equal(script.run("http-config-backup", port), nil)
end)
