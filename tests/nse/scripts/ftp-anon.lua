-- ftp-anon on recorded exchanges.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 21, service = "ftp" }

-- `after`: what follows the reply that the list comes.
local function serve(listing, after, hang)
  fake.servers["tcp:21"] = script.server({
    greeting = "220 ready\r\n",
    { "USER anonymous", "331 password please\r\n" }, { "PASS ", "230 welcome\r\n" },
    { "PASV", "227 Entering Passive Mode (192,0,2,1,4,1)\r\n" }, { "EPSV", "500 no\r\n" },
    { "LIST", "150 here it comes\r\n" .. (after or "226 done\r\n") }, { "QUIT", "221 bye\r\n" },
  })
  fake.servers["tcp:1025"] = fake.replies(listing, {}, hang)
end

local files = "drwxr-xr-x    2 0        0            4096 Jan 31  2024 pub\r\n"
  .. "-rw-r--r--    1 0        0              12 %s Jan 12 09:15 readme\r\n"

test("a list that breaks off is no result", function()
  serve(files, nil, true)
  check.throws("TIMEOUT", script.run, "ftp-anon", port)
  for _, after in ipairs({ "426 aborted\r\n", "451 read error\r\n", "" }) do
    serve(files, after)
    check.throws("listing", script.run, "ftp-anon", port)
  end
end)

test("a connection that breaks, or comes too often, is no refusal", function()
  for _, answer in ipairs({ "", "421 too many connections\r\n" }) do
    fake.servers["tcp:21"] = script.server({ greeting = "220 ready\r\n",
      { "USER ", "331 password please\r\n" }, { "PASS ", answer }, { "QUIT", "221 bye\r\n" } })
    check.throws("", script.run, "ftp-anon", port)
  end
  fake.servers["tcp:21"] = fake.replies("421 too many connections\r\n")
  check.throws("421", script.run, "ftp-anon", port)
end)

test("a file that grows older is no change", function()
  local seen = {}
  for i, date in ipairs({ "Oct 12 09:15", "Oct 12  2025" }) do
    serve(files:format(date))
    local text
    text, seen[i] = script.run("ftp-anon", port)
    check.contains(text, "12 " .. date .. " Jan 12 09:15 readme")
  end
  check.same(seen[1], seen[2])
  check.same(seen[1], { login = "Anonymous FTP login allowed (FTP code 230)", files = {
    "-rw-r--r-- 1 0 0 12 Jan 12 09:15 readme", "drwxr-xr-x 2 0 0 4096 pub" } })
end)

test("a server that lets anyone in is told, with its files", function()
  serve(nil)
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
