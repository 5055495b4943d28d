-- tls-alpn on what OpenSSL 3.0 answered.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 443, service = "https" }

test("the protocols that a server agrees to are shown", function()
  script.replay("tls-alpn")
  local text, data = script.run("tls-alpn", port)
  check.equal(text, "  h2\n  http/1.1")
  check.same(data, { "h2", "http/1.1" })
end)

test("a protocol whose connection is turned away once is there, one that is again is an error", function()
  script.replay("tls-alpn", nil, { 1, 2, 0, 3, 4 })
  check.same(select(2, script.run("tls-alpn", port)), { "h2", "http/1.1" })
  script.replay("tls-alpn", nil, { 1, 2, 3, 0, 0 })
  check.same(select(2, script.run("tls-alpn", port)), { "h2", "http/1.1" })
  script.replay("tls-alpn")
  script.losing("tcp:443", 3, 1000, "hang")
  check.throws("no longer answers", script.run, "tls-alpn", port)
end)

test("a server that is silent where it agrees to nothing has those that it agreed to", function()
  local recorded = script.replay("tls-alpn")
  fake.servers["tcp:443"] = function(peer)
    local names = peer:recv()
    for at, name in ipairs({ "\2h2", "\8http/1.1" }) do
      if names:find(name, 1, true) then
        peer:send(recorded[at + 1][1][2])
        peer:hang()
      end
    end
    peer:hang()
  end
  check.same(select(2, script.run("tls-alpn", port)), { "h2", "http/1.1" })
end)

test("a server that takes all names tells nothing, also when its first answer is lost", function()
  local function first_name(hello)
    -- extension 16: its length, that of the list, names
    local at = hello:find("\0\16..%z.[\2-\20]%l")
    return string.unpack("s1", hello, at + 6)
  end
  for lost = 0, 1 do
    fake.servers["tcp:443"] = function(peer)
      local names = string.pack(">s2", string.pack("s1", first_name(peer:recv())))
      local body = "\3\3" .. ("r"):rep(32) .. "\0\0\x2f\0"
        .. string.pack(">s2", string.pack(">I2s2", 16, names))
      peer:send(string.pack(">BI2s2", 22, 0x303, string.pack(">Bs3", 2, body)))
      peer:hang()
    end
    script.losing("tcp:443", 1, lost, "hang")
    check.equal(script.run("tls-alpn", port), nil)
  end
end)

test("a server without the extension gives none", function()
  script.replay("ssl-date")
  check.equal(script.run("tls-alpn", port), nil)
end)
