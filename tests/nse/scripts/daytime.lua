-- daytime on what xinetd answered.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 13, service = "daytime" }

test("the time is shown", function()
  script.replay("daytime")
  check.equal(script.run("daytime", port), "28 NOV 2026 15:59:36 UTC\r\n")
end)

test("what is no time is not shown", function()
  fake.servers["tcp:13"] = fake.replies(nil, { "220 ftp ready\r\n" })
  check.equal(script.run("daytime", port), nil)
  fake.servers["tcp:13"] = fake.replies(nil, {}, true)
  check.equal(script.run("daytime", port), nil)
end)
