-- smb-enum-shares on what Samba 4.17 answered.
local test, check, fake = ...
local script = require "support.script"

test("shares are shown with what anyone may do there", function()
  script.replay("smb-enum-shares")
  fake.ports = { ["tcp:445"] = { state = "open" } }
  local text, data = script.run("smb-enum-shares")
  check.equal(text, [[
  account_used: <blank>
  \\192.0.2.1\IPC$: 
    Type: STYPE_IPC_HIDDEN
    Comment: IPC Service (Lab files)
  \\192.0.2.1\public: 
    Type: STYPE_DISKTREE
    Comment: For everyone
    Anonymous access: READ
  \\192.0.2.1\staff: 
    Type: STYPE_DISKTREE
    Comment: Staff only]])
  check.equal(data["\\\\192.0.2.1\\public"]["Anonymous access"], "READ")
end)

test("a server that lists nothing for anyone, and one without SMB 2, give none", function()
  fake.ports = { ["tcp:445"] = { state = "open" } }
  script.replay("smb2-time")
  check.equal(script.run("smb-enum-shares"), nil)
  fake.servers["tcp:445"] = script.server({})
  check.equal(script.run("smb-enum-shares"), nil)
end)
