-- ssl-date on what OpenSSL 3.0 answered.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 443, service = "https" }

test("random bytes are told as such", function()
  script.replay("ssl-date")
  check.equal(script.run("ssl-date", port), "TLS randomness does not represent time")
end)

test("a time is shown with its distance", function()
  local hello = script.replay("ssl-date")[1][1][2]
  -- behind the headers of record and handshake and the version stand four bytes of time
  local function at(time)
    return fake.replies(nil, { hello:sub(1, 11) .. string.pack(">I4", time) .. hello:sub(16) },
      true)
  end
  fake.servers["tcp:443"] = function(peer)
    return at(os.time() + 3600)(peer)
  end
  local text, data = script.run("ssl-date", port)
  check.contains(text, " from local time.")
  check.truthy(math.abs(data.delta - 3600) < 60)
end)

test("another server gives none", function()
  fake.servers["tcp:443"] = script.server({ { "", "HTTP/1.1 400 Bad Request\r\n\r\n" } })
  check.equal(script.run("ssl-date", port), nil)
end)
