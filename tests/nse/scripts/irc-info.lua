-- irc-info on recorded exchanges.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 6667, service = "irc" }

test("a server tells what it is", function()
  fake.servers["tcp:6667"] = script.server({
    { "USER nmap", ":irc.example 001 x :Welcome\r\n:irc.example 004 x irc.example ngircd-26.1 a b\r\n"
      .. ":irc.example 251 x :There are 3 users and 0 services on 1 servers\r\n"
      .. "PING :tok\r\n:irc.example 422 x :no motd\r\n" },
    { "PONG :tok", "" },
    { "VERSION", ":irc.example 351 x ngircd-26.1.abc irc.example :x\r\n"
      .. ":irc.example 242 x :Server Up 1 days 2:03:04\r\n"
      .. ":irc.example 255 x :I have 3 users, 0 services and 0 servers\r\n"
      .. ":irc.example 352 x * ~nmap 192.0.2.9 irc.example x H :0 Muster\r\n" } })
  check.equal(script.run("irc-info", port), [[
  users: 3
  servers: 1
  lservers: 0
  server: irc.example
  version: ngircd-26.1.abc
  uptime: 1 days 2:03:04
  source ident: ~nmap
  source host: 192.0.2.9]])
end)

test("another server has none", function()
  fake.servers["tcp:6667"] = fake.replies("220 ftp\r\n")
  check.equal(script.run("irc-info", port), nil)
end)
