-- smtp-open-relay on exchanges recorded from Exim 4.96.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 25, service = "smtp" }

-- Answers RCPT by `takes(sender, recipient)`: true, false, or "end" to end the connection. `opts`:
-- busy(line, log) says where a command gets 421; literals: addresses in brackets are taken.
local function serve(takes, opts)
  local log, busy = { connections = 0 }, opts and opts.busy
  fake.servers["tcp:25"] = function(peer)
    peer:send("220 mx.test ESMTP Exim 4.96\r\n")
    local sender
    for line in function() return peer:recv() end do
      log[#log + 1] = line
      if line:find("^EHLO") then
        log.connections = log.connections + 1
        peer:send("250-mx.test Hello\r\n250 8BITMIME\r\n")
      elseif busy and not line:find("^QUIT") and busy(line, log) then
        return peer:send("421 4.7.0 try again later\r\n")
      elseif line:find("^RSET") then
        peer:send("250 Reset OK\r\n")
      elseif line:find("^MAIL") then
        sender = line:match("<(.*)>")
        local literal = not (opts and opts.literals) and sender:find("[", 1, true)
        peer:send(literal and "501 <" .. sender .. ">: domain literals not allowed\r\n" or "250 OK\r\n")
      elseif line:find("^RCPT") then
        local answer = takes(sender, line:match("TO:<(.*)>"))
        if answer == "end" then
          return peer:send("421 too many errors\r\n")
        end
        peer:send(answer and "250 Accepted\r\n" or "550 relay not permitted\r\n")
      elseif line:find("^QUIT") then
        return peer:send("221 mx.test closing connection\r\n")
      end
    end
  end
  return log
end

test("a server that takes foreign mail is one", function()
  local log = serve(function(_, recipient)
    return recipient == "relaytest@example.com"
  end)
  fake.verbose_level = 2
  local text, data = script.run("smtp-open-relay", port)
  check.equal(text, [[
Server is an open relay (3/16 tests)
 MAIL FROM:<> -> RCPT TO:<relaytest@example.com>
 MAIL FROM:<antispam@example.com> -> RCPT TO:<relaytest@example.com>
 MAIL FROM:<antispam@mx.test> -> RCPT TO:<relaytest@example.com>]])
  check.equal(#data.accepted, 3)
  for _, line in ipairs(log) do
    check.falsy(line:find("^DATA"), "no message is sent")
  end
end)

test("Exim that relays for anyone ends connections on the way", function()
  -- a try that is not answered is made again, so that one conversation more is needed
  script.replay("smtp-open-relay", nil, { 1, 2, 3, 3, 4 })
  check.equal(script.run("smtp-open-relay", port), "Server is an open relay (3/16 tests)")
end)

test("one that refuses all of them is none", function()
  serve(function() return false end)
  local text, data = script.run("smtp-open-relay", port)
  check.equal(text, "Server doesn't seem to be an open relay, all tests failed")
  check.equal(data.accepted, nil)
end)

test("tries go on after the server ended the connection", function()
  local log = serve(function(sender)
    return sender == "" and "end" or true
  end)
  check.equal(script.run("smtp-open-relay", port), "Server is an open relay (2/15 tests)")
  check.equal(log.connections, 3)
end)

test("a server that lets few errors pass is asked to the end", function()
  local errors = 0
  local log = serve(function(_, recipient)
    errors = errors + 1
    if errors % 2 == 0 then
      return "end"
    end
    return recipient == "@mx.test:relaytest@example.com"
  end, { literals = true })
  check.equal(script.run("smtp-open-relay", port), "Server is an open relay (1/16 tests)")
  check.equal(log.connections, 16)
end)

test("a server that is too busy to answer says nothing", function()
  local none = function() return false end
  for _, command in ipairs({ "^RSET", "^MAIL" }) do
    local log = serve(none, { busy = function(line)
      return line:find(command)
    end })
    check.throws("not answered", script.run, "smtp-open-relay", port)
    check.truthy(log.connections < 8)
  end
  serve(none, { busy = function(_, log)
    return #log > 20
  end })
  check.throws("not answered", script.run, "smtp-open-relay", port)
  fake.servers["tcp:25"] = script.server({ greeting = "421 too many connections\r\n",
    { "QUIT", "221 bye\r\n" }, { "EHLO", "421 too many connections\r\n" } })
  check.throws("421", script.run, "smtp-open-relay", port)
end)

test("what is proven stays so when the server gets busy", function()
  serve(function() return true end, { busy = function(_, log)
    return #log > 20
  end })
  check.contains(script.run("smtp-open-relay", port), "Server is an open relay (3/")
end)

test("local mail with odd names is no proof", function()
  fake.verbose_level = 2
  serve(function(sender, recipient)
    return sender ~= "" and not recipient:find("[@:]relaytest@example.com$")
      and not recipient:find("^relaytest@example.com$")
  end, { literals = true })
  local text, data = script.run("smtp-open-relay", port)
  check.contains(text, "Server takes recipients that may be local (10/16 tests)")
  check.equal(data.accepted, nil)
  check.equal(#data.unproven, 10)
  check.equal(data.unproven[1],
    "MAIL FROM:<antispam@[192.0.2.1]> -> RCPT TO:<relaytest%example.com@[192.0.2.1]>")
end)

test("domain, users and address may be given", function()
  local log = serve(function() return false end)
  script.run("smtp-open-relay", port, { args = { ["smtp-open-relay.domain"] = "example.net",
    ["smtp-open-relay.to"] = "postmaster", ["smtp-open-relay.ip"] = "198.51.100.1" } })
  check.contains(table.concat(log), "RCPT TO:<postmaster@example.net>")
  check.contains(table.concat(log), "MAIL FROM:<antispam@[198.51.100.1]>")
end)

test("another server is not tried", function()
  fake.servers["tcp:25"] = fake.replies("+OK pop\r\n", {}, true)
  check.equal(script.run("smtp-open-relay", port), nil)
end)
