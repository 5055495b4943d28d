-- smtp-ntlm-info on what Exim 4.96 says, and in the form of Exchange.
local test, check, fake = ...
local script = require "support.script"
local ntlm = require "support.ntlm"
local port = { number = 25, service = "smtp" }

local with_ntlm = {
  { "EHLO", "250-mail01 Hello\r\n250-AUTH NTLM LOGIN\r\n250 8BITMIME\r\n" },
  { "AUTH NTLM", "334 ntlm supported\r\n" }, { "TlRMTVNTUA", "334 " .. ntlm.challenge64 .. "\r\n" },
}

test("names and version of the host", function()
  fake.servers["tcp:25"] = script.server({ greeting = "220 mail01 ESMTP\r\n",
    table.unpack(with_ntlm) })
  local text, data = script.run("smtp-ntlm-info", port)
  check.equal(text, ntlm.text)
  check.equal(data.DNS_Computer_Name, "files01.corp.example.com")
end)

test("a server that offers NTLM only over TLS is asked after STARTTLS", function()
  fake.servers["tcp:25"] = script.server({ greeting = "220 mail01 ESMTP\r\n",
    { "EHLO", "250-mail01\r\n250 STARTTLS\r\n" }, { "STARTTLS", "220 ready\r\n" },
    { "AUTH", "504 unrecognized\r\n" } })
  fake.servers["starttls:25"] = script.server(with_ntlm)
  check.equal(script.run("smtp-ntlm-info", port), ntlm.text)
end)

test("Exim's challenge names nobody", function()
  script.replay("smtp-ntlm-info")
  check.equal(script.run("smtp-ntlm-info", port), nil)
end)

test("a server without NTLM, and another server, tell nothing", function()
  fake.servers["tcp:25"] = script.server({ greeting = "220 mx ESMTP\r\n",
    { "EHLO", "250-mx\r\n250 AUTH PLAIN\r\n" }, { "AUTH", "504 5.5.4 unrecognized\r\n" } })
  check.equal(script.run("smtp-ntlm-info", port), nil)
  fake.servers["tcp:25"] = fake.replies("+OK pop\r\n", {})
  check.equal(script.run("smtp-ntlm-info", port), nil)
end)
