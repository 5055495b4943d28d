description = [[
Shows the names and the version of Windows that a mail server tells in its NTLM challenge, without a
login (SMTP AUTH, MS-SMTPNTLM).
]]
---
-- @output
-- | smtp-ntlm-info:
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
local smtp = require "smtp"

portrule = shortport.port_or_service({ 25, 465, 587 }, { "smtp", "smtps", "submission" })

function action(host, port)
  return (ntlm.ask(host, port, {
    greeting = "^220", services = { "smtp", "smtps", "submission" },
    steps = {
      { "EHLO " .. smtp.get_domain(host), "^250" }, { "AUTH NTLM", "^334" },
      { ntlm.negotiate64(), "^334 (%S+)" },
    },
    cancel = "*",
  }))
end
