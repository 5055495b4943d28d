-- smb2-time on what Samba 4.17 answered.
local test, check, fake = ...
local script = require "support.script"

test("the clock is shown, and the start where it is told", function()
  local answer = script.replay("smb2-time")[1][1][2]
  fake.ports = { ["tcp:445"] = { state = "open" } }
  local text, data = script.run("smb2-time")
  check.equal(text, "  date: 2026-11-28T15:33:33\n  start_date: N/A")
  check.same(data, { date = "2026-11-28T15:33:33", start_date = "N/A" })
  -- system time and start stand 40 bytes into the answer
  answer = answer:sub(1, 116) .. string.pack("<I8", 0x01da2ee1c7ea8000) .. answer:sub(125)
  fake.servers["tcp:445"] = fake.replies(nil, { answer }, true)
  check.contains(script.run("smb2-time"), "start_date: 2023-12-14T")
end)

test("a server without SMB 2 gives none", function()
  fake.ports = { ["tcp:445"] = { state = "open" } }
  fake.servers["tcp:445"] = script.server({})
  check.equal(script.run("smb2-time"), nil)
end)
