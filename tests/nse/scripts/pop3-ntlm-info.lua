-- pop3-ntlm-info on exchanges recorded from Dovecot 2.3.19 with Samba's ntlm_auth 4.17.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 110, service = "pop3" }

test("names and version of the host", function()
  script.replay("pop3-ntlm-info")
  check.equal(script.run("pop3-ntlm-info", port), [[
  Target_Name: VM
  NetBIOS_Domain_Name: VM
  NetBIOS_Computer_Name: VM
  DNS_Computer_Name: vm
  Product_Version: 6.1.0]])
end)

test("a server without NTLM tells nothing", function()
  fake.servers["tcp:110"] = script.server({ greeting = "+OK Dovecot (Debian) ready.\r\n",
    { "AUTH", "-ERR Unsupported authentication mechanism.\r\n" } })
  check.equal(script.run("pop3-ntlm-info", port), nil)
end)
