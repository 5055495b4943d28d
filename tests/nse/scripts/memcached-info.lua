-- memcached-info on recorded exchanges.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 11211, service = "memcached" }

test("a server tells what it is", function()
  fake.servers["tcp:11211"] = script.server({
    { "stats settings", "STAT maxconns 1024\r\nSTAT tcpport 11211\r\nSTAT auth_enabled_sasl no\r\nEND\r\n" },
    { "stats", "STAT pid 7\r\nSTAT uptime 90\r\nSTAT pointer_size 64\r\nEND\r\n" } })
  local text = script.run("memcached-info", port)
  check.equal(text, [[
  Process ID: 7
  Uptime: 90 seconds
  Architecture: 64 bit
  Maximum connections: 1024
  TCP Port: 11211
  Authentication: no]])
end)

test("another server has none", function()
  fake.servers["tcp:11211"] = fake.replies("220 mail\r\n")
  check.equal(script.run("memcached-info", port), nil)
end)
