-- ssl-enum-ciphers on what OpenSSL 3.0 answered.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 443, service = "https" }

test("ciphers are shown with their strength", function()
  script.replay("ssl-enum-ciphers")
  local text, data = script.run("ssl-enum-ciphers", port)
  check.equal(text, [[
  TLSv1.2: 
    ciphers: 
      TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA (secp256r1) - A
      TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 (secp256r1) - A
    compressors: 
      NULL
    cipher preference: client
  least strength: A]])
  check.equal(data["TLSv1.2"].ciphers[2].kex_info, "secp256r1")
end)

test("the preference of a server with one cipher cannot be told", function()
  script.replay("ssl-enum-ciphers-one")
  check.equal(script.run("ssl-enum-ciphers", port), [[
  TLSv1.2: 
    ciphers: 
      TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 (secp256r1) - A
    compressors: 
      NULL
    cipher preference: indeterminate
    cipher preference error: Too few ciphers supported
  least strength: A]])
end)

test("another server gives none", function()
  fake.servers["tcp:443"] = script.server({ { "", "HTTP/1.1 400 Bad Request\r\n\r\n" } })
  check.equal(script.run("ssl-enum-ciphers", port), nil)
end)

-- A server of TLS 1.2 that takes two suites of RSA. `refuse(peer)` is done where nothing is taken;
-- before it hears anything `before(number of the connection, peer)`: true ends the connection.
local function picky(refuse, before)
  local n = 0
  fake.servers["tcp:443"] = function(peer)
    n = n + 1
    if before and before(n, peer) then
      return
    end
    local hello = peer:recv()
    local version, at = string.unpack(">I2", hello, 10), 44 + hello:byte(44)
    local ciphers = string.unpack(">s2", hello, at + 1)
    for from = 1, version == 0x0303 and #ciphers or 0, 2 do
      local code = ciphers:sub(from, from + 1)
      if code == "\0\x2f" or code == "\0\x35" then
        local body = "\3\3" .. ("r"):rep(32) .. "\0" .. code .. "\0"
        peer:send(string.pack(">BI2s2", 22, 0x303, string.pack(">Bs3", 2, body) .. "\14\0\0\0"))
        peer:hang()
      end
    end
    refuse(peer)
  end
  return function()
    return n
  end
end

local function alert(peer)
  peer:send("\21\3\3\0\2\2\40")
end
local function hang(peer)
  peer:hang()
end
local both = { "TLS_RSA_WITH_AES_128_CBC_SHA", "TLS_RSA_WITH_AES_256_CBC_SHA" }

local function names_of(data)
  local names = {}
  for i, cipher in ipairs(data["TLSv1.2"].ciphers) do
    names[i] = cipher.name
  end
  return names
end

test("a server is shown alike when it is silent, or ends the connection, instead of an alert", function()
  for _, refuse in ipairs({ alert, hang, function() end }) do
    picky(refuse)
    local _, data = script.run("ssl-enum-ciphers", port)
    check.same(names_of(data), both)
    check.same({ data["TLSv1.1"], data["TLSv1.3"], data.SSLv3 }, {})
  end
end)

test("a question that is lost is asked again, whichever it is", function()
  local count = picky(alert)
  script.run("ssl-enum-ciphers", port)
  for lost = 1, count() do
    for _, how in ipairs({ hang, function()
      return true
    end }) do
      picky(alert, function(n, peer)
        return n == lost and how(peer)
      end)
      local _, data = script.run("ssl-enum-ciphers", port)
      check.same(names_of(data), both)
      check.equal(data["TLSv1.2"]["cipher preference"], "client")
    end
  end
end)

test("silence for good after an answer is an error, not a shorter list", function()
  local count = picky(alert)
  script.run("ssl-enum-ciphers", port)
  for last = 1, count() - 1 do
    picky(alert, function(n, peer)
      return n > last and peer:hang()
    end)
    check.throws("no longer answers", script.run, "ssl-enum-ciphers", port)
  end
end)

test("silence before the first answer is asked about once more after it", function()
  local n = 0
  picky(alert, function(i, peer)
    n = i
    return i <= 2 and peer:hang()
  end)
  local _, data = script.run("ssl-enum-ciphers", port)
  check.same(names_of(data), both)
  fake.servers["tcp:443"] = function(peer)
    n = n + 1
    peer:hang()
  end
  n = 0
  check.equal(script.run("ssl-enum-ciphers", port), nil)
  check.equal(n, 25, "a port that never says anything is asked once")
end)
