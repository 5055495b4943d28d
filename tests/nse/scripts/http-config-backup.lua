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

test("neither has a single-page app, whatever path it is asked for", function()
  for _, body in ipairs({ '<!doctype html><html lang="en"><script src="app.js"></script>',
    '<?xml version="1.0"?><configuration DB_PASSWORD="databases"/>', 'LANG="en" $databases' }) do
    web.serve(80, { default = body })
    check.equal(script.run("http-config-backup", port), nil)
  end
end)

test("a page for each missing file is no copy of settings or programs", function()
  web.serve(80, { ["/.env.bak"] = '<!doctype html><html lang="en">\nA=1',
    ["/config.php.txt"] = '<?xml version="1.0"?><html/>' })
  check.equal(script.run("http-config-backup", port), nil)
  web.serve(80, { ["/.env.bak"] = "# shop\nexport DB_HOST=db\nDB_USER=a<b\n" })
  check.equal(script.run("http-config-backup", port, { host = { ip = "192.0.2.2" } }),
    "  /.env.bak HTTP/1.1 200 OK")
end)

test("a server that stops answering is an error", function()
  web.serve(80, { ["/.env~"] = "DB_HOST=db\n", ["/.env.old"] = web.silence })
  check.throws("no answer for /.env.old", script.run, "http-config-backup", port)
end)

test("a long answer without any mark is read at once", function()
  web.serve(80, { ["/.env.bak"] = ("\n "):rep(500000), ["/config.php~"] = ("<?"):rep(500000) })
  check.quick(script.run, "http-config-backup", port)
end)
