description = [[
Shows the names, the version and the clock of a Windows host that it tells in the NTLM challenge of
network level authentication (CredSSP), without a login.
]]
---
-- @output
-- | rdp-ntlm-info:
-- |   Target_Name: CORP
-- |   NetBIOS_Domain_Name: CORP
-- |   NetBIOS_Computer_Name: FILES01
-- |   DNS_Domain_Name: corp.example.com
-- |   DNS_Computer_Name: files01.corp.example.com
-- |   DNS_Tree_Name: example.com
-- |   Product_Version: 10.0.17763
-- |_  System_Time: 2023-11-14T22:13:20+00:00

author = "Muster"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

identity = { "DNS_Computer_Name" }
volatile = { "System_Time" }

local asker = require "asker"
local ntlm = require "ntlm"
local rdp = require "rdp"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.port_or_service(3389, "ms-wbt-server")

local function takes_credssp(answer)
  return answer.kind == "response"
    and (answer.protocol == rdp.PROTOCOL_HYBRID or answer.protocol == rdp.PROTOCOL_HYBRID_EX)
end

function action(host, port)
  local connection, answer = rdp.negotiate(host, port,
    rdp.PROTOCOL_SSL | rdp.PROTOCOL_HYBRID | rdp.PROTOCOL_HYBRID_EX)
  if not connection then
    return asker.unanswered(port, { "ms-wbt-server" }, answer)
  end
  local blob
  if takes_credssp(answer) and connection.socket:reconnect_ssl() then
    blob = rdp.exchange_token(connection.socket, ntlm.negotiate())
  end
  connection:close()
  local output, clock = ntlm.facts(blob)
  if output then
    output.System_Time = clock
  end
  return output
end
