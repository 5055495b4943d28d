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
