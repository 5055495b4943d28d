-- smb2-security-mode on what Samba 4.17 answered.
local test, check, fake = ...
local script = require "support.script"

local function with_mode(mode)
  local answer = script.replay("smb2-security-mode")[1][1][2]
  -- behind the 4 bytes of the frame, the header of 64 and the size of the answer
  fake.servers["tcp:445"] = fake.replies(nil, { answer:sub(1, 70) .. mode .. answer:sub(72) }, true)
  fake.ports = { ["tcp:445"] = { state = "open" } }
  return script.run("smb2-security-mode")
end

test("signing is shown for the newest version", function()
  local text, data = with_mode("\1")
  check.equal(text, "  311: \n    Message signing enabled but not required")
  check.same(data, { ["311"] = { "Message signing enabled but not required" } })
  check.contains(with_mode("\3"), "Message signing enabled and required")
  check.contains(with_mode("\0"), "Message signing is disabled")
end)

test("a server without SMB 2 gives none", function()
  fake.ports = { ["tcp:445"] = { state = "open" } }
  fake.servers["tcp:445"] = script.server({})
  check.equal(script.run("smb2-security-mode"), nil)
end)
