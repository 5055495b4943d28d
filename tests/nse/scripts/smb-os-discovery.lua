-- smb-os-discovery on what Samba 4.17 answered.
local test, check, fake = ...
local script = require "support.script"

local shown = [[
  OS: Windows 6.1 (Samba 4.17.12-Debian)
  Computer name: vm
  NetBIOS computer name: NAS\x00
  FQDN: vm
  Workgroup: LABGROUP\x00
  System time: 2026-11-28T15:32:15+00:00
]]

test("system, names and clock are shown", function()
  script.replay("smb-os-discovery")
  fake.ports = { ["tcp:445"] = { state = "open" } }
  local text, data = script.run("smb-os-discovery")
  check.equal(text, shown)
  check.same({ data.os, data.lanmanager, data.server, data.fqdn, data.workgroup }, { "Windows 6.1",
    "Samba 4.17.12-Debian", "NAS\0", "vm", "LABGROUP\0" })
end)

-- The answer of a server without Unicode: a byte for each character, no padding, and the header
-- says so.
local function narrow(answer)
  local command, words = answer:byte(9), answer:byte(37)
  local header, parameters = answer:sub(5, 15) .. "\x48" .. answer:sub(17, 36),
    answer:sub(38, 37 + 2 * words)
  local data = answer:sub(40 + 2 * words)
  if command == 0x73 then
    local length = words == 4 and string.unpack("<I2", parameters, 7) or 0
    data = data:sub(1, length) .. "Windows 6.1\0Samba 4.17.12-Debian\0LABGROUP\0"
  elseif command == 0x72 then
    local capabilities = string.unpack("<I4", parameters, 20) & ~4
    parameters = parameters:sub(1, 19) .. string.pack("<I4", capabilities) .. parameters:sub(24)
    data = capabilities & 0x80000000 ~= 0 and data or data:sub(1, 8) .. "LABGROUP\0NAS\0"
  end
  return string.pack(">s4", header .. string.char(words) .. parameters .. string.pack("<s2", data))
end

test("a server without Unicode is read as well", function()
  script.replay("smb-os-discovery", narrow)
  fake.ports = { ["tcp:445"] = { state = "open" } }
  check.equal(script.run("smb-os-discovery"), shown)
end)

test("a server that refuses SMB 1 gives none", function()
  fake.ports = { ["tcp:445"] = { state = "open" } }
  fake.servers["tcp:445"] = script.server({})
  check.equal(script.run("smb-os-discovery"), nil)
end)
