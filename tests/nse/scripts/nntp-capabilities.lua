-- nntp-capabilities on the exchanges of RFC 3977 (5.2.3) and what leafnode 1.12 says.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 119, service = "nntp" }

local inn = "101 Capability list:\r\nVERSION 2\r\nIMPLEMENTATION INN 2.7.1\r\nAUTHINFO USER\r\n"
  .. "LIST ACTIVE NEWSGROUPS\r\nPOST\r\nREADER\r\n.\r\n"

test("capabilities are shown, and who may post", function()
  fake.servers["tcp:119"] = script.server({
    greeting = "200 news.example.com InterNetNews NNRP server INN 2.7.1 ready (posting ok)\r\n",
    { "CAPABILITIES", inn } })
  check.equal(script.run("nntp-capabilities", port), [[
  Greeting: news.example.com InterNetNews NNRP server INN 2.7.1 ready (posting ok)
  Posting: allowed
  Implementation: INN 2.7.1
  Capabilities: 
    VERSION 2
    AUTHINFO USER
    LIST ACTIVE NEWSGROUPS
    POST
    READER]])
end)

test("a server of before RFC 3977 shows its greeting", function()
  fake.servers["tcp:119"] = script.server({ greeting = "201 news ready, no posting\r\n",
    { "CAPABILITIES", "500 command not recognized\r\n" } })
  check.equal(script.run("nntp-capabilities", port), "  Greeting: news ready, no posting")
end)

test("a server out of order, another one, and garbage have none", function()
  for _, greeting in ipairs({ "503 Leafnode must have a unique fully-qualified domain name.\r\n",
    "220 ftp\r\n" }) do
    fake.servers["tcp:119"] = fake.replies(greeting)
    check.equal(script.run("nntp-capabilities", port), nil)
  end
  for _ = 1, 200 do
    fake.servers["tcp:119"] = script.server({ greeting = "200 ready\r\n",
      { "CAPABILITIES", fake.mutated(inn) } })
    script.run_or_lost("nntp-capabilities", port)
  end
end)
