-- nntp-ntlm-info on recorded exchanges.
local test, check, fake = ...
local script = require "support.script"
local ntlm = require "support.ntlm"
local port = { number = 119, service = "nntp" }

test("names and version of the host", function()
  fake.servers["tcp:119"] = script.server({ greeting = "200 NNTP Service 6.0.3790 Posting Allowed\r\n",
    { "GENERIC NTLM", "381 Protocol supported, proceed\r\n" },
    { "TlRMTVNTUA", "381 " .. ntlm.challenge64 .. "\r\n" } })
  check.equal(script.run("nntp-ntlm-info", port), ntlm.text)
end)

test("a server without NTLM tells nothing", function()
  fake.servers["tcp:119"] = script.server({ greeting = "201 leafnode ready\r\n",
    { "AUTHINFO", "501 Syntax error\r\n" } })
  check.equal(script.run("nntp-ntlm-info", port), nil)
end)
