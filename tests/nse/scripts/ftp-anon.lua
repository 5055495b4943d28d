-- ftp-anon on recorded exchanges.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 21, service = "ftp" }

test("a server that lets anyone in is told, with its files", function()
  fake.servers["tcp:21"] = script.server({
    greeting = "220 ready\r\n",
    { "USER anonymous", "331 password please\r\n" }, { "PASS ", "230 welcome\r\n" },
    { "PASV", "227 Entering Passive Mode (192,0,2,1,4,1)\r\n" }, { "EPSV", "500 no\r\n" },
    { "LIST", "150 here it comes\r\n226 done\r\n" }, { "QUIT", "221 bye\r\n" },
  })
  fake.servers["tcp:1025"] = fake.replies("drwxrwxrwx    2 0        0            4096 Jan 01 pub\r\n"
    .. "-rw-r--r--    1 0        0              12 Jan 02 readme\r\n")
  check.equal(script.run("ftp-anon", port), [[
Anonymous FTP login allowed (FTP code 230)
drwxrwxrwx    2 0        0            4096 Jan 01 pub [NSE: writeable]
-rw-r--r--    1 0        0              12 Jan 02 readme]])
end)

test("a server that wants a login is not", function()
  fake.servers["tcp:21"] = script.server({ greeting = "220 ready\r\n",
    { "USER ", "331 password please\r\n" }, { "PASS ", "530 no\r\n" }, { "QUIT", "221 bye\r\n" } })
  check.equal(script.run("ftp-anon", port), nil)
end)

test("a passive port that does not end is none, and read at once", function()
  fake.servers["tcp:21"] = script.server({ greeting = "220 ready\r\n",
    { "USER anonymous", "331 password please\r\n" }, { "PASS ", "230 welcome\r\n" },
    { "PASV", "227 " .. ("1"):rep(50000) .. "\r\n" }, { "QUIT", "221 bye\r\n" } })
  check.quick(function()
    check.contains(script.run("ftp-anon", port), "no passive port")
  end)
end)
