description = [[
Shows the names and the version of Windows that an IMAP server tells in its NTLM challenge, without
a login (AUTHENTICATE NTLM, MS-OXIMAP4).
]]
---
-- @output
-- | imap-ntlm-info:
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

portrule = shortport.port_or_service({ 143, 993 }, { "imap", "imaps" })

function action(host, port)
  return (ntlm.ask(host, port, {
    greeting = "^%* OK", services = { "imap", "imaps" },
    steps = { { "a001 AUTHENTICATE NTLM", "^%+" }, { ntlm.negotiate64(), "^%+ (%S+)" } },
    cancel = "*",
  }))
end
