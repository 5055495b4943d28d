-- nats-info on what nats-server 2.9 said, and with members of INFO as the protocol's description has them.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 4222, service = "nats" }

local function says(json)
  fake.servers["tcp:4222"] = fake.replies("INFO " .. json .. " \r\n", nil, true)
end

test("a server without a login is shown as such, and the port's version is stored", function()
  script.replay("nats-info")
  check.equal(script.run("nats-info", port), [[
  Version: 2.9.10
  Server name: nats1
  Go version: go1.19.8
  JetStream: true
  Open without login: true]])
  local version = fake.stored(4222).version
  check.same({ version.name, version.product, version.version }, { "nats", "NATS", "2.9.10" })
end)

test("a login is none that is open, nor is a client's certificate", function()
  for _, member in ipairs({ '"auth_required":true', '"tls_required":true,"tls_verify":true' }) do
    says('{"server_id":"NB6","server_name":"a","version":"2.10.4",' .. member .. "}")
    local _, data = script.run("nats-info", port)
    check.equal(data.Version, "2.10.4")
    check.equal(data["Open without login"], nil)
  end
end)

test("the key that a server makes at its start is no name", function()
  says('{"server_id":"NB6","server_name":"NB6","version":"2.10.4","auth_required":true}')
  local _, data = script.run("nats-info", port)
  check.same(data, { Version = "2.10.4" })
end)

test("addresses of the cluster are sorted, and only texts count", function()
  says('{"version":"2.1.9","cluster":"c","connect_urls":["192.0.2.3:4222",7,"192.0.2.2:4222"]}')
  local _, data = script.run("nats-info", port)
  check.same(data["Cluster addresses"], { "192.0.2.2:4222", "192.0.2.3:4222" })
  says('{"version":"2.1.9","connect_urls":"192.0.2.3"}')
  check.equal(select(2, script.run("nats-info", port))["Cluster addresses"], nil)
end)

test("what is cut, is no object or lacks a version gives none, nor do other servers", function()
  for _, text in ipairs({ 'INFO {"version":"2.9', 'INFO {"version":"2.9.10"}', "INFO []\r\n", "INFO {\r\n",
    'INFO {"version":3}\r\n', 'INFO {"version":""}\r\n', 'INFO {"server_id":"x"} \r\n', "220 ftp\r\n", "INFO \r\n",
    ("INFO {"):rep(20000) .. "\r\n" }) do
    fake.servers["tcp:4222"] = fake.replies(text)
    check.equal(script.run("nats-info", port), nil)
  end
  check.falsy(select(3, script.run("nats-info", { number = 4223, service = "unknown" })))
end)
