-- ssl-dh-params on what OpenSSL 3.0 answered.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 443, service = "https" }

test("a small group, and keys that nobody signs, are told", function()
  script.replay("ssl-dh-params")
  local text = script.run("ssl-dh-params", port)
  check.contains(text, [[
  Diffie-Hellman group of less than 2048 bits
    State: VULNERABLE
      Small groups, above all those that many servers share, can be broken in advance.
    Check results:
      WEAK DH GROUP 1
            Cipher Suite: TLS_DHE_RSA_WITH_AES_128_CBC_SHA
            Modulus Type: Safe prime
            Modulus Source: Unknown/Custom-generated
            Modulus Length: 1024
            Generator Length: 8
            Public Key Length: 1024
]])
  check.contains(text, "ANONYMOUS DH GROUP 1\n            Cipher Suite: TLS_DH_anon_WITH_AES_128_CBC_SHA")
end)

test("a named group of 2048 bits is none, and neither is a web server", function()
  script.replay("ssl-dh-params-ffdhe")
  check.equal(script.run("ssl-dh-params", port), nil)
  fake.servers["tcp:443"] = script.server({ { "", "HTTP/1.1 400 Bad Request\r\n\r\n" } })
  check.equal(script.run("ssl-dh-params", port), nil)
end)

test("a modulus that is not prime, or no safe one, is told whatever its length", function()
  for digit, kind in pairs({ ["\4"] = "Composite", ["\5"] = "Non-safe prime" }) do
    -- the bytes before the generator, which is 2, end the modulus
    script.replay("ssl-dh-params-ffdhe", function(answer)
      return (answer:gsub("\xff\xff\xff\xff\0\1\2", "\xff\xff\xff" .. digit .. "\0\1\2"))
    end)
    local text = script.run("ssl-dh-params", port)
    check.contains(text, "UNSAFE DH GROUP 1")
    check.contains(text, "Modulus Type: " .. kind)
    check.contains(text, kind == "Composite" and "State: VULNERABLE" or "State: LIKELY VULNERABLE")
  end
end)
