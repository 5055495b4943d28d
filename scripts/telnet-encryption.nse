description = [[
Tells whether a telnet server offers to encrypt the session (RFC 2946). Most do not: then names and
passwords cross the network in the clear.
]]
---
-- @output
-- | telnet-encryption:
-- |_  Telnet server does not support encryption

author = "Muster"
license = "Apache-2.0"
categories = { "safe", "discovery" }

identity = {}
volatile = {}
finding = { ["clear text"] = "low" }

local asker = require "asker"
local shortport = require "shortport"
local stdnse = require "stdnse"
local telnet = require "telnet"

portrule = shortport.port_or_service(23, "telnet")

local encrypt = telnet.OPTION.ENCRYPT

-- True or false as the server answers; nil when it speaks no telnet.
local function offers_encryption(session)
  local is_telnet
  for item in session:items() do
    is_telnet = is_telnet or item.kind ~= "text"
    if item.option ~= encrypt then
      session:refuse(item)
    elseif item.kind == "WILL" or item.kind == "DO" or item.kind == "SB" then
      return true
    else
      return false
    end
  end
  if is_telnet then
    return false
  end
  return nil
end

function action(host, port)
  local session, reason = telnet.Session:open(host, port,
    telnet.command("DO", encrypt) .. telnet.command("WILL", encrypt))
  if not session then
    return asker.unanswered(port, { "telnet" }, reason)
  end
  local offered = offers_encryption(session)
  session:close()
  if offered == nil then
    return nil
  end
  local data = stdnse.output_table()
  if offered then
    data.encryption = true
    return data, "\n  Telnet server supports encryption"
  end
  data["clear text"] = true
  return data, "\n  Telnet server does not support encryption"
end
