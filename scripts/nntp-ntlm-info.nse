description = [[
Shows the names and the version of Windows that a news server tells in its NTLM challenge, without a
login (AUTHINFO GENERIC NTLM, MS-NNTP).
]]
---
-- @output
-- | nntp-ntlm-info:
-- |   Target_Name: CORP
-- |   NetBIOS_Domain_Name: CORP
-- |   NetBIOS_Computer_Name: NEWS01
-- |   DNS_Domain_Name: corp.example.com
-- |   DNS_Computer_Name: news01.corp.example.com
-- |   DNS_Tree_Name: example.com
-- |_  Product_Version: 5.2.3790

author = "Muster"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

identity = { "DNS_Computer_Name" }
volatile = {}

local ntlm = require "ntlm"
local shortport = require "shortport"

portrule = shortport.port_or_service({ 119, 433, 563 }, { "nntp", "snews", "nntps" })

function action(host, port)
  return (ntlm.ask(host, port, {
    greeting = "^20[01]", services = { "nntp", "nntps", "snews" },
    steps = {
      { "AUTHINFO GENERIC NTLM", "^381" },
      { "AUTHINFO GENERIC " .. ntlm.negotiate64(), "^381 (%S+)" },
    },
  }))
end
