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

test("what a server calls us is no part of it", function()
  for greeted, want in pairs({
    ["mail.example Hello scan.lab.example [127.0.0.1], pleased to meet you"] =
      "mail.example Hello ..., pleased to meet you, SIZE 1",
    ["mail.example Hello [127.0.0.1]"] = "mail.example Hello ..., SIZE 1",
    ["mail.example hello x [IPv6:127.0.0.1]"] = "mail.example hello ..., SIZE 1",
    ["mail.example Hello x [192.0.2.7]"] = "mail.example Hello x [192.0.2.7], SIZE 1",
    ["[127.0.0.1] at your service"] = "[127.0.0.1] at your service, SIZE 1",
  }) do
    fake.servers["tcp:25"] = script.server({ greeting = "220 mail.example ESMTP\r\n",
      { "EHLO", "250-" .. greeted .. "\r\n250 SIZE 1\r\n" }, { "HELP", "502 no\r\n" } })
    check.equal(script.run("smtp-commands", port), want)
  end
end)

test("a server that has greeted us and then is lost is an error", function()
  for _, answer in ipairs({ false, nil }) do
    fake.servers["tcp:25"] = script.server({ greeting = "220 mail.example ESMTP\r\n", { "EHLO", answer } })
    check.throws("no answer", script.run, "smtp-commands", port)
  end
  fake.servers["tcp:25"] = fake.replies("220 mail.example\r\n")
  check.throws("no answer", script.run, "smtp-commands", port)
end)

test("a server that takes no mail has none", function()
  fake.servers["tcp:25"] = fake.replies("554 go away\r\n")
  check.equal(script.run("smtp-commands", port), nil)
end)
