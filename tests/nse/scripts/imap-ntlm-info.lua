-- imap-ntlm-info on exchanges recorded from Dovecot 2.3.19 with Samba's ntlm_auth, and as Exchange
-- answers.
local test, check, fake = ...
local script = require "support.script"
local ntlm = require "support.ntlm"
local port = { number = 143, service = "imap" }

test("names and version of the host", function()
  script.replay("imap-ntlm-info")
  check.equal(script.run("imap-ntlm-info", port), [[
  Target_Name: VM
  NetBIOS_Domain_Name: VM
  NetBIOS_Computer_Name: VM
  DNS_Computer_Name: vm
  Product_Version: 6.1.0]])
  fake.servers["tcp:143"] = script.server({ greeting = "* OK The service is ready.\r\n",
    { "AUTHENTICATE NTLM", "+\r\n" }, { "TlRMTVNTUA", "+ " .. ntlm.challenge64 .. "\r\n" } })
  check.equal(script.run("imap-ntlm-info", port), ntlm.text)
end)

test("a server without NTLM tells nothing", function()
  fake.servers["tcp:143"] = script.server({ greeting = "* OK ready\r\n",
    { "AUTHENTICATE", "a001 NO Unsupported authentication mechanism.\r\n" } })
  check.equal(script.run("imap-ntlm-info", port), nil)
end)

test("a port that can switch to TLS has the function that does it", function()
  local sslcert = require "sslcert"
  check.equal(sslcert.isPortSupported(143), sslcert.StartTLS.imap_prepare_tls)
  check.equal(sslcert.isPortSupported(80), nil)
end)
