-- redis-info on recorded exchanges.
local test, check, fake = ...
local script = require "support.script"

local port = { number = 6379, service = "redis" }

local function bulk(text)
  return ("$%d\r\n%s\r\n"):format(#text, text)
end

local info = "# Server\r\nredis_version:7.0.15\r\nos:Linux 6.1.0-18-amd64 x86_64\r\narch_bits:64\r\n"
  .. "process_id:412\r\n# Clients\r\nconnected_clients:1\r\n# Memory\r\nused_memory_human:1.2M\r\n"
  .. "# CPU\r\nused_cpu_sys:0.5\r\nused_cpu_user:0.25\r\n# Replication\r\nrole:master\r\n"
  .. "connected_slaves:0\r\n"

test("a server without a password tells what it is", function()
  fake.servers["tcp:6379"] = script.server({
    { "PING", "+PONG\r\n" },
    { "INFO", bulk(info) },
    { "CONFIG", "*2\r\n$4\r\nbind\r\n$19\r\n127.0.0.1 192.0.2.1\r\n" },
    { "CLIENT", bulk("id=3 addr=192.0.2.9:50122 laddr=192.0.2.1:6379 fd=8 name= age=0\n") },
  })
  local text, data = script.run("redis-info", port)
  check.equal(text, [[
  Version: 7.0.15
  Operating System: Linux 6.1.0-18-amd64 x86_64
  Architecture: 64 bits
  Process ID: 412
  Used CPU (sys): 0.5
  Used CPU (user): 0.25
  Connected clients: 1
  Connected slaves: 0
  Used memory: 1.2M
  Role: master
  Bind addresses: 
    127.0.0.1
    192.0.2.1
  Client connections: 
    192.0.2.9]])
  check.equal(data.Version, "7.0.15")
  check.same(data["Bind addresses"], { "127.0.0.1", "192.0.2.1" })
end)

test("addresses that are numbers, or of another kind, are none", function()
  for _, second in ipairs({ ":5\r\n", "*1\r\n:1\r\n" }) do
    fake.servers["tcp:6379"] = script.server({
      { "PING", "+PONG\r\n" },
      { "INFO", bulk(info) },
      { "CONFIG", "*2\r\n$4\r\nbind\r\n" .. second },
      { "CLIENT", "$-1\r\n" },
    })
    local _, data = script.run("redis-info", port)
    check.equal(data.Version, "7.0.15")
    check.equal(data["Bind addresses"], nil)
  end
end)

test("a server that wants a password tells nothing", function()
  fake.servers["tcp:6379"] = script.server({ { "", "-NOAUTH Authentication required.\r\n" } })
  check.equal(script.run("redis-info", port), nil)
end)

test("the rule asks for the port or the service", function()
  check.truthy(select(3, script.run("redis-info", port)))
  check.falsy(select(3, script.run("redis-info", { number = 6380, service = "unknown" })))
end)

test("lengths and numbers that are not whole are no reply", function()
  local redis = require "redis"
  for _, reply in ipairs({ "$0.5", "$1e1", "$0x4", "*0.5", "*1e0", ":0.5", "$99999999999999999999",
    "*-99999999999999999999", "$" }) do
    fake.servers["tcp:6379"] = fake.replies(nil, { reply .. "\r\n0123456789\r\n" })
    local helper = redis.Helper:new(script.host(), script.port(port))
    check.truthy(helper:connect(fake.nmap.new_socket()))
    helper.socket:connect("192.0.2.1", 6379)
    local status, why = helper:reqCmd("GET", "x")
    check.fails(status, why)
    check.equal(why, "no Redis reply")
  end
end)
