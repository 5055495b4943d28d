-- smtp-commands on recorded exchanges.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 25, service = "smtp" }

test("extensions and commands are shown", function()
  fake.servers["tcp:25"] = script.server({ greeting = "220 mail.example ESMTP\r\n",
    { "EHLO", "250-mail.example Hello\r\n250-SIZE 52428800\r\n250 STARTTLS\r\n" },
    { "HELP", "214-Commands supported:\r\n214 AUTH HELO EHLO\r\n" }, { "QUIT", "221 bye\r\n" } })
  check.equal(script.run("smtp-commands", port),
    "mail.example Hello, SIZE 52428800, STARTTLS\n Commands supported: AUTH HELO EHLO")
end)

test("a server that takes no mail has none", function()
  fake.servers["tcp:25"] = fake.replies("554 go away\r\n")
  check.equal(script.run("smtp-commands", port), nil)
end)
