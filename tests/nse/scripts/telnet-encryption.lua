-- telnet-encryption on exchanges recorded from inetutils' telnetd, and such as others give.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 23, service = "telnet" }

test("a server that takes the option encrypts", function()
  script.replay("telnet-encryption")
  local text, data = script.run("telnet-encryption", port)
  check.contains(text, "  Telnet server supports encryption")
  check.same(data, { encryption = true })
end)

test("one that refuses it, or says nothing of it, does not", function()
  for _, answer in ipairs({ "\xff\xfd\x18\xff\xfc\x26\xff\xfe\x26", "\xff\xfd\x18\xff\xfd\x20\r\nlogin: " }) do
    fake.servers["tcp:23"] = fake.replies(nil, { answer }, true)
    local text, data = script.run("telnet-encryption", port)
    check.contains(text, "  Telnet server does not support encryption")
    check.same(data, { ["clear text"] = true })
  end
end)

test("what speaks no telnet is none", function()
  fake.servers["tcp:23"] = fake.replies("220 ftp\r\n", { "500 what?\r\n" })
  check.equal(script.run("telnet-encryption", port), nil)
end)
