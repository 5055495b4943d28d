-- rdp-ntlm-info on exchanges.
local test, check, fake = ...
local script = require "support.script"
local ntlm = require "support.ntlm"
local rdp = require "rdp"
local port = { number = 3389, service = "ms-wbt-server" }

local function confirm(kind, value)
  return "\3\0\0\x13\x0e\xd0\0\0\x12\x34\0" .. string.pack("<BBI2I4", kind, 1, 8, value)
end

test("names, version and clock of the host", function()
  local asked
  fake.servers["tcp:3389"] = fake.replies(nil, { confirm(2, 8) })
  fake.servers["starttls:3389"] = function(peer)
    asked = peer:recv()
    peer:send(rdp.ts_request(ntlm.challenge))
  end
  local text = script.run("rdp-ntlm-info", port)
  check.equal(text, ntlm.text .. "\n  System_Time: 2023-11-14T22:13:20+00:00")
  -- MS-CSSP 2.2.1: version 6, one token
  check.equal(asked:sub(1, 17), "\x30\x37\xa0\3\2\1\6\xa1\x30\x30\x2e\x30\x2c\xa0\x2a\4\x28")
end)

test("servers without CredSSP tell nothing", function()
  for _, answer in ipairs({ confirm(2, 1), confirm(3, 2), "\3\0\0\11\6\xd0\0\0\x12\x34\0", "220 x\r\n" }) do
    fake.servers["tcp:3389"] = fake.replies(nil, { answer })
    check.equal(script.run("rdp-ntlm-info", port), nil)
  end
end)

test("garbage does not matter", function()
  for _ = 1, 300 do
    fake.servers["tcp:3389"] = fake.replies(nil, { confirm(2, 2) })
    fake.servers["starttls:3389"] = fake.replies(nil, { fake.mutated(rdp.ts_request(ntlm.challenge)) })
    script.run("rdp-ntlm-info", port)
  end
end)
