-- smb-guid on what Samba 4.17 answered, and on the same with an identifier of its own.
local test, check, fake = ...
local script = require "support.script"

local function answer_with(guid)
  local answer = script.replay("smb2-time")[1][1][2]
  -- 4 bytes of framing, 64 of header, 8 of the answer
  return answer:sub(1, 76) .. guid .. answer:sub(93)
end

local function run(guid)
  fake.ports = { ["tcp:445"] = { state = "open" } }
  fake.servers["tcp:445"] = fake.replies(nil, { answer_with(guid) }, true)
  return script.run("smb-guid")
end

test("Samba shows its name, which is no identifier", function()
  script.replay("smb2-time")
  fake.ports = { ["tcp:445"] = { state = "open" } }
  local text, data = script.run("smb-guid")
  check.equal(text, "  name: nas")
  check.same(data, { name = "nas" })
end)

test("an identifier is spelled as Windows spells it", function()
  local guid = string.char(0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x0c,
    0x0d, 0x0e, 0x0f, 0xf0)
  local text, data = run(guid)
  check.equal(text, "  guid: 04030201-0605-0807-090a-0b0c0d0e0ff0")
  check.same(data, { guid = "04030201-0605-0807-090a-0b0c0d0e0ff0" })
end)

test("zeroes are none, and neither is a server without SMB 2", function()
  check.equal(run(("\0"):rep(16)), nil)
  fake.servers["tcp:445"] = script.server({})
  check.equal(script.run("smb-guid"), nil)
end)
