-- http-version on web servers at odd ports, and on what is none.
local test, check, fake = ...
local script, web = require "support.script", require "support.web"

local function run(port)
  local text, _, rule = script.run("http-version", port)
  check.equal(text, nil)
  local stored = fake.stored(port.number)
  return stored and stored.version, rule
end

test("a web server at an odd port is one", function()
  web.serve(3000, { ["/"] = { header = { Server = "nginx/1.22.1" }, body = "x" } })
  local version = run({ number = 3000, service = "ppp" })
  check.same({ version.name, version.product, version.version, version.service_tunnel },
    { "http", "nginx", "1.22.1", "none" })
end)

test("one that does not say what it is has a name", function()
  web.serve(9090, { ["/"] = { status = 401, body = "" } })
  local version = run({ number = 9090 })
  check.same({ version.name, version.product or "-" }, { "http", "-" })
end)

test("one behind TLS is said to be", function()
  web.serve(8006, { ["/"] = { header = { Server = "pve-api-daemon/3.0" }, body = "x" } })
  fake.servers["ssl:8006"], fake.servers["tcp:8006"] = fake.servers["tcp:8006"],
    fake.replies(nil, { "HTTP/1.1 400 The plain HTTP request was sent to HTTPS port\r\n"
      .. "Content-Length: 0\r\n\r\n" })
  local version = run({ number = 8006, service = "wpl-analytics" })
  check.same({ version.name, version.product, version.service_tunnel },
    { "http", "pve-api-daemon", "ssl" })
end)

test("what speaks something else is left as it is", function()
  fake.servers["tcp:4444"] = fake.replies(nil, { "\1\2\3\4" })
  check.equal(run({ number = 4444 }), nil)
end)

test("a web server that does not answer is not told to be none", function()
  fake.servers["tcp:3000"] = fake.replies(nil, {}, true)
  check.throws("no answer", run, { number = 3000, service = "http" })
end)

test("known services, controllers and printers are not asked", function()
  for _, port in ipairs({
    { number = 22, service = "ssh" }, { number = 445, service = "microsoft-ds" }, { number = 502 },
    { number = 9100 }, { number = 80, service = "http", version = { product = "nginx" } },
    { number = 4444, service = "x", version = { name_confidence = 10 } },
  }) do
    check.equal(select(2, run(port)), false)
  end
end)
