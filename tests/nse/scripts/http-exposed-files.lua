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

test("neither has one that answers all paths alike with a text or JSON", function()
  local echo = "Hostname: 2f6a\nIP: 127.0.0.1\nGET / HTTP/1.1\nAccept: */*\n"
  for _, answer in ipairs({ { header = plain, body = "OK\n" }, web.json('{"status":"ok"}\n'),
    { header = plain, body = echo }, { header = plain, body = "user=guest\nmode=live\nexit\nls\n" },
    { header = plain, body = "-----BEGIN PRIVATE KEY-----\n" } }) do
    web.serve(80, { default = answer })
    check.equal(script.run("http-exposed-files", port), nil)
  end
end)

test("one that answers missing pages differently each time tells nothing", function()
  local n = 0
  web.serve(80, setmetatable({}, { __index = function(_, key)
    n = n + 1
    local body = "cd x\nls\nword" .. ("y"):rep(n) .. "\n"
    return key:find("^/") and { header = plain, body = body } or nil
  end }))
  check.equal(script.run("http-exposed-files", port), nil)
end)

test("a history has commands, settings have names and values", function()
  web.serve(80, { ["/.bash_history"] = { header = plain, body = "cd /etc\nsudo vi hosts\nx\n" },
    ["/.env"] = { header = plain, body = "# of the shop\nDB_HOST=db\nexport DB_USER=\"a\"\n" } })
  local _, data = script.run("http-exposed-files", port)
  check.same(data, { ["/.bash_history"] = "history of a shell",
    ["/.env"] = "settings of an application" })
  web.serve(80, { ["/.bash_history"] = { header = plain, body = "welcome\nto our server\n" },
    ["/.env"] = { header = plain, body = "a=b\n" } })
  check.equal(script.run("http-exposed-files", port, { host = { ip = "192.0.2.2" } }), nil)
end)

test("a dump that is longer than any answer may be is told by its beginning", function()
  web.serve(80, { ["/dump.sql"] = { header = plain,
    body = "-- MariaDB dump 10.19\n" .. ("x"):rep(3 * 1024 * 1024) } })
  check.equal(script.run("http-exposed-files", port), "  /dump.sql: dump of a database")
end)

test("a server that stops answering is an error, as is one that has had enough", function()
  for _, answer in ipairs({ web.silence, { status = 429 } }) do
    web.serve(80, { ["/.env"] = { header = plain, body = "A=1\nB=2\n" }, ["/id_rsa"] = answer })
    check.throws("no answer for /id_rsa", script.run, "http-exposed-files", port)
  end
  web.serve(80, { default = { status = 503 } })
  check.throws("no answer for /.env", script.run, "http-exposed-files", port)
end)

test("a server that ends the connection for hidden files is asked for the others", function()
  web.serve(80, setmetatable({ ["/id_rsa"] = "" }, { __index = function(_, path)
    return path:find("^/%.") and web.ended or path == "/server.key"
      and { header = plain, body = "-----BEGIN PRIVATE KEY-----\n" } or nil
  end }))
  check.equal(script.run("http-exposed-files", port), "  /server.key: private key")
end)
