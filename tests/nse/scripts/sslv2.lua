-- sslv2 with hellos after the "SSL 2.0 Protocol Specification", section 2.6.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 443, service = "https" }

-- A SERVER-HELLO with these cipher specs.
local function hello(specs)
  local cert, id = ("c"):rep(20), ("i"):rep(16)
  local body = string.pack(">BBBI2I2I2I2", 4, 0, 1, 2, #cert, #specs, #id) .. cert .. specs .. id
  return string.pack(">I2", 0x8000 | #body) .. body
end

test("the ciphers that a server takes are shown", function()
  fake.servers["tcp:443"] = fake.replies(nil, { hello("\1\0\x80\7\0\xc0\xff\0\1") }, true)
  local text, data = script.run("sslv2", port)
  check.equal(text, [[
  SSLv2 supported
  ciphers: 
    SSL2_RC4_128_WITH_MD5
    SSL2_DES_192_EDE3_CBC_WITH_MD5
    SSL2_UNKNOWN_ff0001]])
  check.equal(#data.ciphers, 3)
end)

test("a server that speaks it without a cipher is told too", function()
  fake.servers["tcp:443"] = fake.replies(nil, { hello("") }, true)
  check.equal(script.run("sslv2", port), "  SSLv2 supported\n  ciphers: none")
end)

test("an alert of TLS, a reply that lies and silence give none", function()
  for _, reply in ipairs({ "\x15\3\1\0\2\2\x28", "\x80\x0b\4\0\1\0\2\xff\xff\0\0\0\0",
    "HTTP/1.1 400 Bad Request\r\n\r\n" }) do
    fake.servers["tcp:443"] = fake.replies(nil, { reply })
    check.equal(script.run("sslv2", port), nil)
  end
  fake.servers["tcp:443"] = fake.replies(nil, {}, true)
  check.equal(script.run("sslv2", port), nil)
end)

test("what OpenSSL 3.0 answers is none", function()
  script.replay("ssl-date", function()
    return "\x15\3\3\0\2\2\x46"
  end)
  check.equal(script.run("sslv2", port), nil)
end)
