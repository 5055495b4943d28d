-- clamd-info on what ClamAV 1.4 answered.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 3310, service = "dyna-access" }

test("the version is shown", function()
  script.replay("clamd-info")
  check.equal(script.run("clamd-info", port), "  Version: 1.4.6")
  check.equal(fake.stored(3310).version.product, "ClamAV")
end)

test("the database is shown where one is loaded", function()
  fake.servers["tcp:3310"] = fake.replies(nil, { "ClamAV 1.0.7/27424/Tue Oct 10 07:45:12 2023\0" })
  local _, data = script.run("clamd-info", port)
  check.same(data, { Version = "1.0.7", Database = "27424",
    ["Database date"] = "Tue Oct 10 07:45:12 2023" })
end)

test("another server gives none", function()
  fake.servers["tcp:3310"] = fake.replies(nil, { "UNKNOWN COMMAND\n" })
  check.equal(script.run("clamd-info", port), nil)
end)
