-- rsync-list-modules on recorded exchanges.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 873, service = "rsync" }

test("modules are listed", function()
  fake.servers["tcp:873"] = script.server({ greeting = "@RSYNCD: 31.0\n", { "@RSYNCD: 31.0", "" },
    { "#list", "www            \tWWW directory\nlog            \tlogs\n@RSYNCD: EXIT\n" } })
  check.equal(script.run("rsync-list-modules", port),
    "  www            \tWWW directory\n  log            \tlogs\n")
end)

test("another server, and one that says no, have none", function()
  fake.servers["tcp:873"] = fake.replies("220 ftp\r\n")
  check.equal(script.run("rsync-list-modules", port), nil)
  fake.servers["tcp:873"] = script.server({ greeting = "@RSYNCD: 31.0\n", { "@RSYNCD: 31.0", "" },
    { "#list", "@ERROR: access denied\n" } })
  check.equal(script.run("rsync-list-modules", port), nil)
end)
