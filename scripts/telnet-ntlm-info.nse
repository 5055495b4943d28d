description = [[
Shows the names and the version of Windows that a telnet server tells in its NTLM challenge, without
a login (MS-TNAP, over the authentication option of RFC 2941).
]]
---
-- @output
-- | telnet-ntlm-info:
-- |   Target_Name: CORP
-- |   NetBIOS_Domain_Name: CORP
-- |   NetBIOS_Computer_Name: FILES01
-- |   DNS_Domain_Name: corp.example.com
-- |   DNS_Computer_Name: files01.corp.example.com
-- |   DNS_Tree_Name: example.com
-- |_  Product_Version: 6.1.7601

author = "Muster"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

identity = { "DNS_Computer_Name" }
volatile = {}

local asker = require "asker"
local ntlm = require "ntlm"
local shortport = require "shortport"
local stdnse = require "stdnse"
local telnet = require "telnet"

portrule = shortport.port_or_service({ 23, 992 }, { "telnet", "telnets" })

local authentication = telnet.OPTION.AUTHENTICATION
local IS, SEND, REPLY = "\0", 1, 2
local NTLM = 15

-- MS-TNAP 2.2.2: type, modifier, command NEGOTIATE, length and kind (a token) of the data.
local function negotiate()
  local message = ntlm.negotiate()
  return telnet.subnegotiation(authentication, IS .. string.pack("<BBBI4I4", NTLM, 0, 0, #message, 2)
    .. message)
end

-- The types of authentication that the server lists: pairs of type and modifier.
local function offers_ntlm(data)
  for at = 2, #data, 2 do
    if data:byte(at) == NTLM then
      return true
    end
  end
  return false
end

local function challenge(session)
  for item in session:items() do
    if item.option ~= authentication then
      session:refuse(item)
    elseif item.kind == "WONT" or item.kind == "DONT" then
      return nil
    elseif item.kind == "SB" and item.data:byte() == SEND then
      if not offers_ntlm(item.data) then
        return nil
      end
      session:send(negotiate())
    elseif item.kind == "SB" and item.data:byte() == REPLY then
      return item.data
    end
  end
end

function action(host, port)
  local session, reason = telnet.Session:open(host, port, telnet.command("WILL", authentication))
  if not session then
    return asker.unanswered(port, { "telnet", "telnets" }, reason)
  end
  local blob = challenge(session)
  session:close()
  return (ntlm.facts(blob))
end
