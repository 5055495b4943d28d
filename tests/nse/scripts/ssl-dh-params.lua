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

-- The answer with a public key that begins with a zero byte: `sent`, as newer servers do, or left
-- out. A generator of 2 and the length stand before it; each message is in its own record.
local function with_zero_byte(answer, sent)
  local key = answer:find("\0\1\2\0\x80", 1, true)
  if not key then
    return answer
  elseif sent then
    return answer:sub(1, key + 4) .. "\0" .. answer:sub(key + 6)
  end
  local at = answer:find("\x16\3...\x0c\0")
  local record, kind, message = string.unpack(">I2BI3", answer, at + 3)
  return answer:sub(1, at + 2) .. string.pack(">I2BI3", record - 1, kind, message - 1)
    .. answer:sub(at + 9, key + 2) .. "\0\x7f" .. answer:sub(key + 6)
end

test("a public key that begins with a zero byte is as long as any other", function()
  for _, sent in ipairs({ true, false }) do
    script.replay("ssl-dh-params", function(answer)
      return with_zero_byte(answer, sent)
    end)
    local text = script.run("ssl-dh-params", port)
    check.contains(text, "WEAK DH GROUP 1")
    check.contains(text, "Public Key Length: 1024")
    check.falsy(text:find("Public Key Length: 1016", 1, true))
  end
end)

test("a named group of 2048 bits is none, and neither is a web server", function()
  script.replay("ssl-dh-params-ffdhe")
  check.equal(script.run("ssl-dh-params", port), nil)
  fake.servers["tcp:443"] = script.server({ { "", "HTTP/1.1 400 Bad Request\r\n\r\n" } })
  check.equal(script.run("ssl-dh-params", port), nil)
end)

local function hanging(from, to)
  local n, serve = 0, fake.servers["tcp:443"]
  fake.servers["tcp:443"] = function(peer)
    n = n + 1
    return n >= from and n <= to and peer:hang() or serve(peer)
  end
  return function()
    return n
  end
end

test("a group whose connection is lost once is told, silence for good is an error", function()
  script.replay("ssl-dh-params")
  local whole = script.run("ssl-dh-params", port)
  script.replay("ssl-dh-params")
  local count = hanging(0, -1)
  script.run("ssl-dh-params", port)
  for lost = 2, count() do
    script.replay("ssl-dh-params")
    hanging(lost, lost)
    check.equal(script.run("ssl-dh-params", port), whole)
    script.replay("ssl-dh-params")
    hanging(lost, 1000)
    check.throws("no longer answers", script.run, "ssl-dh-params", port)
  end
  -- what is lost before the first answer is asked again after it; the other versions end at once
  script.replay("ssl-dh-params", nil, { 0, 0, 0, 0, 0, 0, 2, 3, 4, 5, 6, 1 })
  hanging(1, 1)
  check.equal(script.run("ssl-dh-params", port), whole)
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
