description = [[
Shows the names and the version of Windows that a SQL Server tells in its NTLM challenge, without a
login (MS-TDS 2.2.6.4).
]]
---
-- @output
-- | ms-sql-ntlm-info:
-- |   Target_Name: CORP
-- |   NetBIOS_Domain_Name: CORP
-- |   NetBIOS_Computer_Name: DB01
-- |   DNS_Domain_Name: corp.example.com
-- |   DNS_Computer_Name: db01.corp.example.com
-- |   DNS_Tree_Name: example.com
-- |_  Product_Version: 10.0.17763

author = "Muster"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

identity = { "DNS_Computer_Name" }
volatile = {}

local asker = require "asker"
local mssql = require "mssql"
local ntlm = require "ntlm"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.port_or_service(1433, "ms-sql-s")

function action(host, port)
  local helper = mssql.Helper:new()
  local status, data = helper:Connect(host, port)
  if not status then
    return asker.unanswered(port, { "ms-sql-s" }, data)
  end
  local packet = mssql.LoginPacket:new()
  packet.sspi = ntlm.negotiate()
  status, data = helper:SendLogin(packet)
  helper:Disconnect()
  if not status then
    return asker.broken_off(data)
  end
  return (ntlm.facts(data))
end
