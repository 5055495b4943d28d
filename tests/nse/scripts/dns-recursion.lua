-- dns-recursion on recorded exchanges.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 53, service = "domain", protocol = "udp" }

-- Answers a question with these flags, and an address when there is one.
local function server(flags, address)
  return function(peer)
    local request = peer:recv()
    while request do
      local question = request:match("^............(.-%z....)", 1) or request:sub(13)
      local answer = address and "\xc0\x0c\0\1\0\1\0\0\0\60\0\4" .. address or ""
      peer:send(request:sub(1, 2) .. flags .. "\0\1" .. (address and "\0\1" or "\0\0")
        .. "\0\0\0\0" .. question .. answer)
      request = peer:recv()
    end
  end
end

test("a server that looks up foreign names for anyone is told", function()
  fake.servers["udp:53"] = server("\x81\x80", "\xc0\0\2\9")
  check.equal(script.run("dns-recursion", port), "Recursion appears to be enabled")
end)

test("a lost datagram is no change", function()
  for lost = 1, 2 do
    fake.servers["udp:53"] = script.lossy(server("\x81\x80", "\xc0\0\2\9"), function()
      return "question"
    end, lost)
    check.equal(script.run("dns-recursion", port), "Recursion appears to be enabled")
  end
end)

test("a server that fails to look up a name is undecided", function()
  fake.servers["udp:53"] = server("\x81\x82")
  check.throws("failed", script.run, "dns-recursion", port)
end)

test("one that does not is not", function()
  fake.servers["udp:53"] = server("\x81\5")
  check.equal(script.run("dns-recursion", port), nil)
end)
