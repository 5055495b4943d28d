-- smb-ls on what Samba 4.17 answered to smb-enum-shares and to it.
local test, check, fake = ...
local script = require "support.script"

test("the files of the share that anyone may read are shown", function()
  local host = { registry = {} }
  script.replay("smb-ls")
  fake.ports = { ["tcp:445"] = { state = "open" } }
  script.run("smb-enum-shares", nil, { host = host })
  local text, data = script.run("smb-ls", nil, { host = host })
  check.contains(text, [[
Volume \\192.0.2.1\public
SIZE   TIME                 FILENAME
]])
  check.contains(text, "\n6      2026-01-02T03:04:05  readme.txt\n<DIR>  2026-01-02T03:04:05  sub\n")
  local files = data.volumes[1].files
  check.equal(files[5].filename, "ünï.txt")
  check.equal(data.total.bytes, 8)
end)

test("without a share, and with one that is not there, there is none", function()
  fake.ports = { ["tcp:445"] = { state = "open" } }
  script.replay("smb-ls")
  check.equal(script.run("smb-ls"), nil)
  script.replay("smb2-time")
  check.equal(script.run("smb-ls", nil, { args = { ["smb-ls.share"] = "public" } }), nil)
end)

test("entries that lie about their length end the list", function()
  local changed = 0
  local change = function(answer)
    -- the first entry says that its name has 16 MiB
    local text, n = answer:gsub("\16\0\0\0\2\0\0\0\0\0\0\0", "\16\0\0\0\2\0\0\1\0\0\0\0", 1)
    changed = changed + n
    return text
  end
  local host = { registry = { smb_shares_readable = { "public" } } }
  script.replay("smb-ls", change)
  fake.ports = { ["tcp:445"] = { state = "open" } }
  script.run("smb-enum-shares", nil, { host = host })
  check.equal(script.run("smb-ls", nil, { host = host }), nil)
  check.equal(changed, 1)
end)

test("what only the account of the arguments may read is shown, and is no finding", function()
  local host = { registry = {} }
  script.replay("smb-ls-account")
  fake.ports = { ["tcp:445"] = { state = "open" } }
  local args = { smbusername = "lab", smbpassword = "secret" }
  script.run("smb-enum-shares", nil, { host = host, args = args })
  check.same(host.registry.smb_shares_readable, { "pub", "public", "staff" })
  local text, data = script.run("smb-ls", nil, { host = host, args = args })
  check.contains(text, "Volume \\\\192.0.2.1\\staff\n")
  check.same(data.anyone, { "\\\\192.0.2.1\\pub", "\\\\192.0.2.1\\public" })
end)
