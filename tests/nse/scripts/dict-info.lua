-- dict-info on what dictd 1.13 answered.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 2628, service = "dict" }

test("what the server tells of itself is shown", function()
  script.replay("dict-info")
  local text = script.run("dict-info", port)
  check.contains(text, "  dictd 1.13.0/rf on Linux ")
  check.contains(text, "\n  Database      Headwords         Index          Data  Uncompressed\n")
end)

test("a server that keeps it to itself, and another one, give none", function()
  fake.servers["tcp:2628"] = fake.replies("220 dict <auth> <1@x>\r\n", { "500 no\r\n" })
  check.equal(script.run("dict-info", port), nil)
  fake.servers["tcp:2628"] = fake.replies("SSH-2.0-x\r\n")
  check.equal(script.run("dict-info", port), nil)
end)
