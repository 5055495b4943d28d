-- ftp-syst on recorded exchanges.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 21, service = "ftp" }

test("system and settings are shown", function()
  fake.servers["tcp:21"] = script.server({ greeting = "220 ready\r\n",
    { "USER ", "331 password please\r\n" }, { "PASS ", "230 welcome\r\n" },
    { "SYST", "215 Windows_NT\r\n" }, { "QUIT", "221 bye\r\n" },
    { "STAT", "211-FTP server status:\r\n     Connected to 192.0.2.9\r\n211 End\r\n" } })
  local text, data = script.run("ftp-syst", port)
  check.contains(text, "  SYST: Windows_NT\n  STAT: \n")
  check.contains(data.STAT, "Connected to 192.0.2.9")
end)

test("a server that is full is an error", function()
  fake.servers["tcp:21"] = fake.replies("421 too many users\r\n")
  check.throws("busy", script.run, "ftp-syst", port)
end)
