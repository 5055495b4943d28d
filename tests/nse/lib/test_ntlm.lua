-- ntlm and the challenge part of smbauth.
local test, check, fake = ...
local ntlm, smbauth = require "ntlm", require "smbauth"
local known = require "support.ntlm"

local function pair(kind, value)
  return string.pack("<I2s2", kind, value)
end

local function challenge(pairs_bytes)
  return "NTLMSSP\0" .. string.pack("<I4I2I2I4I4", 2, 0, 0, 56, 0xe2898235) .. ("\1"):rep(8)
    .. ("\0"):rep(8) .. string.pack("<I2I2I4", #pairs_bytes, #pairs_bytes, 56) .. "\10\0\x63\x45\0\0\0\15"
    .. pairs_bytes
end

test("names, version and clock stand in a challenge, wherever it is wrapped", function()
  local output, clock = ntlm.facts("\xa1\x82\1\2" .. known.challenge)
  check.equal(output.DNS_Computer_Name, "files01.corp.example.com")
  check.equal(output.Product_Version, "10.0.17763")
  check.equal(clock, "2023-11-14T22:13:20+00:00")
end)

test("a clock of another length, or out of our time, is none", function()
  for _, time in ipairs({ "\1\2\3", ("\0"):rep(8), ("\xff"):rep(8) }) do
    local output, clock = ntlm.facts(challenge(pair(1, "A\0") .. pair(7, time) .. pair(0, "")))
    check.equal(output.NetBIOS_Computer_Name, "A")
    check.equal(clock, nil)
  end
end)

test("what is no challenge tells nothing", function()
  check.equal(ntlm.facts(nil), nil)
  check.equal(ntlm.facts("NTLMSSP\0\1\0\0\0" .. ("\0"):rep(40)), nil)
  check.equal(ntlm.facts(known.challenge:sub(1, 30)), nil)
  for _ = 1, 2000 do
    ntlm.facts(fake.mutated(known.challenge))
  end
end)

test("the first message asks for the names, in base64 too", function()
  local message = ntlm.negotiate()
  check.equal(message:sub(1, 12), "NTLMSSP\0\1\0\0\0")
  check.truthy(string.unpack("<I4", message, 13) & 4 ~= 0, "REQUEST_TARGET")
  check.equal(ntlm.decode64(ntlm.negotiate64()), message)
  check.equal(select(2, smbauth.get_security_blob(nil)), message)
end)

test("the answer to a challenge is that of MS-NLMP, section 4.2.4", function()
  local stdnse = require "stdnse"
  local hex, openssl = stdnse.fromhex, require "openssl"
  local info = "\2\0\x0c\0D\0o\0m\0a\0i\0n\0\1\0\x0c\0S\0e\0r\0v\0e\0r\0\0\0\0\0"
  local hash = openssl.md4("P\0a\0s\0s\0w\0o\0r\0d\0")
  local lm, nt, key = smbauth.ntlmv2_target_response(hash, { username = "User", domain = "Domain" },
    hex "0123456789abcdef", info, ("\xaa"):rep(8))
  check.equal(stdnse.tohex(lm), "86c35097ac9cec102554764a57cccc19aaaaaaaaaaaaaaaa")
  check.equal(stdnse.tohex(nt:sub(1, 16)), "68cd0ab851e51c96aabc927bebef6a1c")
  check.equal(stdnse.tohex(key), "8de40ccadbc14a82f15cb0ad0de95ca3")
  -- a server that tells its time gets that, and no LM response (section 3.1.5.1.2)
  lm, nt = smbauth.ntlmv2_target_response(hash, { username = "User", domain = "Domain" },
    hex "0123456789abcdef", "\7\0\8\0\1\2\3\4\5\6\7\8\0\0\0\0")
  check.equal(lm, ("\0"):rep(24))
  check.equal(nt:sub(25, 32), "\1\2\3\4\5\6\7\8")
  check.truthy(pcall(smbauth.ntlmv2_target_response, hash, {}, "12345678", "\7\0\8\0\1"))
end)
