-- smb2-capabilities on what Samba 4.17 answered.
local test, check, fake = ...
local script = require "support.script"

test("abilities are shown for each version", function()
  script.replay("smb2-capabilities")
  fake.ports = { ["tcp:445"] = { state = "open" } }
  local text, data = script.run("smb2-capabilities")
  check.contains(text, [[
  202: 
    Distributed File System
  210: 
    Distributed File System
    Leasing
    Multi-credit operations
  300: ]])
  check.same(data["311"], { "Distributed File System", "Leasing", "Multi-credit operations",
    "Multiple Channel support" })
  check.equal(data["302"][5], "Encryption support")
end)

test("a server without SMB 2 gives none", function()
  fake.ports = { ["tcp:445"] = { state = "open" } }
  fake.servers["tcp:445"] = script.server({})
  check.equal(script.run("smb2-capabilities"), nil)
end)
