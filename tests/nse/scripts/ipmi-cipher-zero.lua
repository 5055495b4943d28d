-- ipmi-cipher-zero on the exchange with OpenIPMI's simulator, and with controllers that refuse.
local test, check, fake = ...
local script, hex = require "support.script", require("stdnse").fromhex
local port = { number = 623, service = "asf-rmcp", protocol = "udp" }
local request = hex("0600ff0706100000000000000000200000000000a0a2a3a4000000080000000001000008"
  .. "000000000200000800000000")
local reply = hex("0600ff0706110000000000000000240000000000a0a2a3a404030000000000080000000001"
  .. "000008000000000200000800000000")

test("a controller that opens the session is vulnerable", function()
  fake.servers["udp:623"] = script.server({ { request, reply } })
  local text = script.run("ipmi-cipher-zero", port)
  check.contains(text, "IPMI 2.0 opens sessions with cipher suite 0, without a password")
  check.contains(text, "State: VULNERABLE")
  check.contains(text, "CVE:CVE-2013-4782")
end)

test("one that refuses the suite, and one that says nothing, are not", function()
  local refused = hex "0600ff0706110000000000000000080000110000a0a2a3a4"
  for _, answer in ipairs({ refused, false, reply:sub(1, 17) }) do
    fake.servers["udp:623"] = script.server({ { request, answer } })
    check.equal(script.run("ipmi-cipher-zero", port), nil)
  end
end)

test("a controller that knows IPMI 1.5 alone is silent to sessions of 2.0", function()
  local known = { number = 623, service = "asf-rmcp", protocol = "udp", version = { name_confidence = 10 } }
  -- 16 conn 1.5; 18 conn 2.0
  local old = "0600ff0700000000000000000010811c6320003800011000010000000000"
  local new = "0600ff0700000000000000000010811c6320003800019706030000000007"
  for text, is_error in pairs({ [old] = false, [new] = true }) do
    fake.servers["udp:623"] = script.server({ { request, false }, { "\x38\x8e\4", hex(text) } })
    local ok, reason = pcall(script.run, "ipmi-cipher-zero", known)
    check.equal(ok, not is_error, tostring(reason))
    check.equal(ok and reason or nil, nil)
  end
end)
