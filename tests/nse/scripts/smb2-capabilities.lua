-- smb2-capabilities on what Samba 4.17 answered.
local test, check, fake = ...
local script = require "support.script"

test("abilities are shown for each version", function()
  script.replay("smb2-capabilities")
  fake.ports = { ["tcp:445"] = { state = "open" } }
  local text, data = script.run("smb2-capabilities")
  check.contains(text, [[
  2:0:2: 
    Distributed File System
  2:1:0: 
    Distributed File System
    Leasing
    Multi-credit operations
  3:0:0: ]])
  check.same(data["3:1:1"], { "Distributed File System", "Leasing", "Multi-credit operations",
    "Multiple Channel support" })
  check.equal(data["3:0:2"][5], "Encryption support")
end)

test("a server without SMB 2 gives none", function()
  fake.ports = { ["tcp:445"] = { state = "open" } }
  fake.servers["tcp:445"] = script.server({})
  check.equal(script.run("smb2-capabilities"), nil)
end)
