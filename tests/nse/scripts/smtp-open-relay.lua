-- smtp-open-relay on exchanges recorded from Exim 4.96.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 25, service = "smtp" }

-- Answers RCPT by `takes(sender, recipient)`: true, false, or "end" to end the connection.
local function serve(takes)
  local log = { connections = 0 }
  fake.servers["tcp:25"] = function(peer)
    peer:send("220 mx.test ESMTP Exim 4.96\r\n")
    local sender
    for line in function() return peer:recv() end do
      log[#log + 1] = line
      if line:find("^EHLO") then
        log.connections = log.connections + 1
        peer:send("250-mx.test Hello\r\n250 8BITMIME\r\n")
      elseif line:find("^RSET") then
        peer:send("250 Reset OK\r\n")
      elseif line:find("^MAIL") then
        sender = line:match("<(.*)>")
        local literal = sender:find("[", 1, true)
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
  script.replay("smtp-open-relay")
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
  check.equal(script.run("smtp-open-relay", port), "Server is an open relay (2/16 tests)")
  check.equal(log.connections, 2)
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
