-- smb-os-discovery on what Samba 4.17 answered.
local test, check, fake = ...
local script = require "support.script"

test("system, names and clock are shown", function()
  script.replay("smb-os-discovery")
  fake.ports = { ["tcp:445"] = { state = "open" } }
  local text, data = script.run("smb-os-discovery")
  check.equal(text, [[
  OS: Windows 6.1 (Samba 4.17.12-Debian)
  Computer name: vm
  NetBIOS computer name: NAS\x00
  FQDN: vm
  Workgroup: LABGROUP\x00
  System time: 2026-11-28T15:32:15+00:00
]])
  check.same({ data.os, data.lanmanager, data.server, data.fqdn, data.workgroup }, { "Windows 6.1",
    "Samba 4.17.12-Debian", "NAS\0", "vm", "LABGROUP\0" })
end)

test("a server that refuses SMB 1 gives none", function()
  fake.ports = { ["tcp:445"] = { state = "open" } }
  fake.servers["tcp:445"] = script.server({})
  check.equal(script.run("smb-os-discovery"), nil)
end)
