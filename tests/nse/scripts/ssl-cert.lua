-- ssl-cert on the fields of a certificate that openssl made, as the host gives them.
local test, check, fake = ...
local script, socket = require "support.script", require "support.socket"
local port = { number = 443, service = "https" }

local cert = {
  subject = { commonName = "www.lab.test", organizationName = "Lab" },
  issuer = { commonName = "Lab CA", countryName = "AT" },
  pubkey = { type = "ec", bits = 256 },
  sig_algorithm = "ecdsa-with-SHA256",
  validity = { notBefore = { year = 2026, month = 11, day = 28, hour = 15, min = 35, sec = 9 },
    notAfter = { year = 2036, month = 11, day = 25, hour = 15, min = 35, sec = 9 } },
  extensions = { { name = "X509v3 Subject Alternative Name", value = "DNS:www.lab.test" } },
  pem = "-----BEGIN CERTIFICATE-----\n",
  digest = function(_, algorithm)
    return (algorithm == "md5" and "\1" or "\xab"):rep(algorithm == "md5" and 16 or 20)
  end,
}

local function shown()
  fake.servers["ssl:443"] = fake.replies(nil, {}, true)
  socket.certificate("ssl:443", cert)
  return script.run("ssl-cert", port)
end

test("whose certificate it is and how long it holds", function()
  local text, data = shown()
  check.equal(text, [[
Subject: commonName=www.lab.test/organizationName=Lab
Subject Alternative Name: DNS:www.lab.test
Not valid before: 2026-11-28T15:35:09
Not valid after:  2036-11-25T15:35:09]])
  check.equal(data.sha1, ("ab"):rep(20))
  check.same(data.pubkey, { type = "ec", bits = 256 })
  check.same(data.issuer, { commonName = "Lab CA", countryName = "AT" })
end)

test("issuer, key and digests are shown to those who want more", function()
  fake.verbose_level = 1
  check.contains(shown(), [[
Issuer: commonName=Lab CA/countryName=AT
Public Key type: ec
Public Key bits: 256
Signature Algorithm: ecdsa-with-SHA256
Not valid before: 2026-11-28T15:35:09
Not valid after:  2036-11-25T15:35:09
MD5:   0101 0101 0101 0101 0101 0101 0101 0101
SHA-1: abab abab abab abab abab abab abab abab abab abab]])
end)

test("a server without TLS has none", function()
  fake.servers["tcp:443"] = script.server({ { "", "HTTP/1.1 400 Bad Request\r\n\r\n" } })
  check.equal(script.run("ssl-cert", port), nil)
end)

test("a server that refuses each handshake with an alert is no error, one that ends all connections is", function()
  -- fatal, handshake failure; to the first hello alone: some end the connection to older ones
  local alert = "\x15\3\3\0\2\2\40"
  local function serve(number, dialog, answer)
    local n = 0
    fake.servers["tcp:" .. number] = function(peer)
      for _, text in ipairs(dialog) do
        peer:send(text)
        peer:recv()
      end
      n = n + 1
      -- what the library says when it cannot agree comes first after a dialog
      if n == (number == 25 and 2 or 1) then
        peer:send(answer)
      end
    end
  end
  local version = { name_confidence = 10, service_tunnel = "none" }
  local mail = { number = 25, service = "smtp", version = version }
  local web = { number = 443, service = "https",
    version = { name_confidence = 10, service_tunnel = "ssl" } }
  local dialog = { "220 mx\r\n", "250-mx\r\n250 STARTTLS\r\n", "220 go\r\n" }
  serve(25, dialog, alert)
  check.equal(script.run("ssl-cert", mail), nil)
  serve(443, {}, alert)
  check.equal(script.run("ssl-cert", web), nil)
  serve(25, dialog, "")
  check.throws("no answer", script.run, "ssl-cert", mail)
  serve(443, {}, "")
  check.throws("no answer", script.run, "ssl-cert", web)
end)
