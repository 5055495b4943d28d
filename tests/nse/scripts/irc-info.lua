-- irc-info on recorded exchanges.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 6667, service = "irc" }

local welcome = ":irc.example 001 x :Welcome\r\n:irc.example 004 x irc.example ngircd-26.1 a b\r\n"
  .. ":irc.example 251 x :There are 3 users and 0 services on 1 servers\r\n"
  .. "PING :tok\r\n:irc.example 422 x :no motd\r\n"
local answers = ":irc.example 351 x ngircd-26.1.abc irc.example :x\r\n"
  .. ":irc.example 242 x :Server Up 1 days 2:03:04\r\n"
  .. ":irc.example 255 x :I have 3 users, 0 services and 0 servers\r\n"
  .. ":irc.example 352 x * ~nmap 192.0.2.9 irc.example x H :0 Muster\r\n"
local whole = [[
  users: 3
  servers: 1
  lservers: 0
  server: irc.example
  version: ngircd-26.1.abc
  uptime: 1 days 2:03:04
  source ident: ~nmap
  source host: 192.0.2.9]]

local function exchange(first, last)
  return { { "USER nmap", first }, { "PONG :tok", "" },
    { "VERSION", answers .. (last or "ERROR :Closing connection\r\n") } }
end

test("a server tells what it is", function()
  fake.servers["tcp:6667"] = script.server(exchange(welcome))
  check.equal(script.run("irc-info", port), whole)
end)

test("a server may greet without a prefix, and in small pieces", function()
  fake.servers["tcp:6667"] = function(peer)
    peer:recv()
    for piece in ("NOTICE AUTH :*** Looking up your hostname\r\n" .. welcome):gmatch("..?.?.?.?")
      do
      peer:send(piece)
    end
    peer:recv()
    peer:recv()
    peer:send(answers .. "ERROR :Closing link\r\n")
  end
  check.equal(script.run("irc-info", port), whole)
end)

test("a server over TLS is asked over TLS", function()
  local secure = { number = 6697, service = "ircs" }
  fake.servers["ssl:6697"] = script.server(exchange(welcome))
  check.equal(script.run("irc-info", secure), whole)
end)

test("a connection that breaks, or comes too soon, is no result", function()
  fake.servers["tcp:6667"] = script.server({ { "USER nmap", welcome }, { "PONG :tok", "" } })
  check.throws("EOF", script.run, "irc-info", port)
  fake.servers["tcp:6667"] = script.server({ { "USER nmap", welcome:sub(1, 90) } })
  check.throws("TIMEOUT", script.run, "irc-info", port)
  fake.servers["tcp:6667"] = script.server(exchange(welcome, ""))
  check.throws("TIMEOUT", script.run, "irc-info", port)
  fake.servers["tcp:6667"] = fake.replies(nil, {
    "NOTICE AUTH :*** Hello\r\nERROR :Trying to reconnect too fast.\r\n" })
  check.throws("too fast", script.run, "irc-info", port)
end)

test("a server that lets us not in has none", function()
  fake.servers["tcp:6667"] = fake.replies(nil, { ":irc.example 464 x :Password incorrect\r\n"
    .. "ERROR :Closing link: Bad password\r\n" })
  check.equal(script.run("irc-info", port), nil)
end)

test("another server has none", function()
  fake.servers["tcp:6667"] = fake.replies("220 ftp\r\n")
  check.equal(script.run("irc-info", port), nil)
end)
