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
