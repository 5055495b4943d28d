-- pop3-capabilities on recorded exchanges.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 110, service = "pop3" }

test("capabilities are listed with their parameters", function()
  fake.servers["tcp:110"] = script.server({ greeting = "+OK ready\r\n",
    { "CAPA", "+OK list\r\nTOP\r\nSASL PLAIN LOGIN\r\nUIDL\r\n.\r\n" }, { "QUIT", "+OK\r\n" } })
  check.equal(script.run("pop3-capabilities", port), "SASL(PLAIN LOGIN) TOP UIDL")
end)

-- A server that sends its greeting and its answer to CAPA in these pieces, and then `ends`.
local function server(greeting, answer, ends)
  fake.servers["tcp:110"] = function(peer)
    for _, piece in ipairs(greeting) do
      peer:send(piece)
    end
    peer:recv()
    for _, piece in ipairs(answer) do
      peer:send(piece)
    end
    ends(peer)
  end
end

local function closed() end
local function silent(peer)
  peer:hang()
end

test("a greeting in two pieces is one", function()
  server({ "+OK rea", "dy <1.2@mail>\r\n" }, { "+OK\r\nUI", "DL\r\n.\r\n" }, silent)
  check.equal(script.run("pop3-capabilities", port), "APOP UIDL")
end)

test("a server without CAPA has what its greeting tells", function()
  server({ "+OK ready <1.2@mail>\r\n" }, { "-ERR what\r\n" }, closed)
  check.equal(script.run("pop3-capabilities", port), "APOP")
end)

test("a list that breaks off, or never comes, is no list", function()
  for _, ends in ipairs({ closed, silent }) do
    for _, answer in ipairs({ { "+OK\r\nTOP\r\n" }, { "+OK\r\n" }, {},
      { "+OK\r\n" .. ("X\r\n"):rep(1000) } }) do
      server({ "+OK ready\r\n" }, answer, ends)
      check.fails(require("pop3").capabilities(script.host(), script.port(port)))
      check.throws("", script.run, "pop3-capabilities", port)
    end
  end
end)

test("a server that is busy is an error", function()
  server({ "-ERR too many connections\r\n" }, {}, closed)
  check.throws("no POP3 greeting", script.run, "pop3-capabilities", port)
end)

test("another server has none", function()
  fake.servers["tcp:110"] = fake.replies("220 mail\r\n")
  check.equal(script.run("pop3-capabilities", port), nil)
end)
