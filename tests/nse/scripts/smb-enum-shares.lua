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
    Users: 1
    Max Users: <unlimited>
    Path: C:\tmp
  \\192.0.2.1\public: 
    Type: STYPE_DISKTREE
    Comment: For everyone
    Users: 0
    Max Users: 20
    Path: C:\srv\public
    Anonymous access: READ
  \\192.0.2.1\staff: 
    Type: STYPE_DISKTREE
    Comment: Staff only
    Users: 0
    Max Users: <unlimited>
    Path: C:\srv\staff]])
  check.equal(data["\\\\192.0.2.1\\public"]["Anonymous access"], "READ")
end)

test("a server that tells nobody how many use a share gives the rest", function()
  script.replay("smb-enum-shares")
  fake.ports = { ["tcp:445"] = { state = "open" } }
  local msrpc = require "msrpc"
  local getinfo = msrpc.srvsvc_netsharegetinfo
  msrpc.srvsvc_netsharegetinfo = function(state, ...)
    getinfo(state, ...)
    return false, "access denied"
  end
  local text = script.run("smb-enum-shares")
  msrpc.srvsvc_netsharegetinfo = getinfo
  check.contains(text, "    Comment: For everyone\n    Anonymous access: READ\n")
end)

test("a server that lists nothing for anyone, and one without SMB 2, give none", function()
  fake.ports = { ["tcp:445"] = { state = "open" } }
  script.replay("smb2-time")
  check.equal(script.run("smb-enum-shares"), nil)
  fake.servers["tcp:445"] = script.server({})
  check.equal(script.run("smb-enum-shares"), nil)
end)

test("a name that the server does not know, but takes for a guest, is shown as guest", function()
  script.replay("smb-enum-shares-unknown")
  fake.ports = { ["tcp:445"] = { state = "open" } }
  local text = script.run("smb-enum-shares", nil, { args = { smbusername = "nosuch",
    smbpassword = "secret" } })
  check.contains(text, "account_used: guest\n")
  check.contains(text, "\n    Anonymous access: READ\n    Current user access: READ\n")
end)
