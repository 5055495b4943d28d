-- imap-capabilities on recorded exchanges.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 143, service = "imap" }

test("capabilities are listed by name", function()
  fake.servers["tcp:143"] = function(peer)
    peer:send("* OK ready\r\n")
    while true do
      local tag = (peer:recv() or ""):match("^(%S+) ")
      if not tag then
        return
      end
      peer:send("* CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN\r\n" .. tag .. " OK done\r\n")
    end
  end
  check.equal(script.run("imap-capabilities", port), "AUTH=PLAIN IMAP4rev1 STARTTLS")
end)

test("another server has none", function()
  fake.servers["tcp:143"] = fake.replies("220 mail\r\n")
  check.equal(script.run("imap-capabilities", port), nil)
end)
