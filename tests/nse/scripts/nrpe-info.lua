-- nrpe-info on what NRPE 4.1 answered.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 5666, service = "nrpe" }

test("the version is shown", function()
  script.replay("nrpe-info")
  local text, data = script.run("nrpe-info", port)
  check.equal(text, "  Version: 4.1.0\n  TLS: false")
  check.equal(data.TLS, false)
end)

test("one that does not talk to us gives none", function()
  fake.servers["tcp:5666"] = script.server({})
  check.equal(script.run("nrpe-info", port), nil)
end)
