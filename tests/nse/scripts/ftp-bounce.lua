-- ftp-bounce with answers of FTP servers (RFC 959; vsftpd's refusal).
local test, check, fake = ...
local script = require "support.script"
local port = { number = 21, service = "ftp" }

local function server(high, low)
  fake.servers["tcp:21"] = script.server({ greeting = "220 ready\r\n",
    { "USER anonymous", "331 password\r\n" }, { "PASS", "230 in\r\n" },
    { "PORT 192,0,2,1,23,112", high }, { "PORT 192,0,2,1,0,22", low }, { "QUIT", "221 bye\r\n" } })
  return script.run("ftp-bounce", port)
end

test("a server that would connect to others is told", function()
  check.equal(server("200 PORT command successful.\r\n", "200 ok\r\n"), "bounce working!")
  check.equal(server("200 PORT command successful.\r\n", "500 Illegal PORT command.\r\n"),
    "server forbids bouncing to low ports <1025")
end)

test("one that would not, and one that lets no one in, are not", function()
  check.equal(server("500 Illegal PORT command.\r\n", "500 Illegal PORT command.\r\n"), nil)
  fake.servers["tcp:21"] = script.server({ greeting = "220 ready\r\n",
    { "USER", "530 no anonymous users\r\n" } })
  check.equal(script.run("ftp-bounce", port), nil)
end)

test("a connection that ends at the first PORT is a refusal, one that ends at the second an error", function()
  fake.servers["tcp:21"] = script.server({ greeting = "220 ready\r\n", { "USER", "331 password\r\n" },
    { "PASS", "230 in\r\n" } })
  check.equal(script.run("ftp-bounce", port), nil)
  fake.servers["tcp:21"] = script.server({ greeting = "220 ready\r\n", { "USER", "331 password\r\n" },
    { "PASS", "230 in\r\n" }, { "PORT 192,0,2,1,23,112", "200 ok\r\n" } })
  check.throws("no answer", script.run, "ftp-bounce", port)
end)
