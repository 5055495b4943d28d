description = [[
Shows the names and the version of Windows that a POP3 server tells in its NTLM challenge, without a
login (AUTH NTLM, MS-POP3).
]]
---
-- @output
-- | pop3-ntlm-info:
-- |   Target_Name: CORP
-- |   NetBIOS_Domain_Name: CORP
-- |   NetBIOS_Computer_Name: MAIL01
-- |   DNS_Domain_Name: corp.example.com
-- |   DNS_Computer_Name: mail01.corp.example.com
-- |   DNS_Tree_Name: example.com
-- |_  Product_Version: 10.0.17763

author = "Muster"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

identity = { "DNS_Computer_Name" }
volatile = {}

local ntlm = require "ntlm"
local shortport = require "shortport"

portrule = shortport.port_or_service({ 110, 995 }, { "pop3", "pop3s" })

function action(host, port)
  return (ntlm.ask(host, port, {
    greeting = "^%+OK", services = { "pop3", "pop3s" },
    steps = { { "AUTH NTLM", "^%+" }, { ntlm.negotiate64(), "^%+ (%S+)" } },
    cancel = "*",
  }))
end
