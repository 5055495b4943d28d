description = [[
Shows the identifier that a server of SMB 2 or 3 made for itself when it was installed (MS-SMB2
2.2.4). A server that only puts its name there, as Samba does, shows that as its name.
]]
---
-- @output
-- | smb-guid:
-- |_  guid: 11111111-2222-3333-4444-555555555555

author = "Muster"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

identity = { "guid", "name" }
volatile = {}

local smb = require "smb"
local smb2 = require "smb2"
local stdnse = require "stdnse"
local string = require "string"

function hostrule(host)
  return smb.get_port(host) ~= nil
end

-- The first three parts are little-endian (RFC 4122 as Microsoft writes it).
local function spelled(bytes)
  local a, b, c, d = string.unpack("<I4I2I2c2", bytes)
  return string.format("%08x-%04x-%04x-%s-%s", a, b, c, stdnse.tohex(d),
    stdnse.tohex(bytes:sub(11)))
end

function action(host)
  local status, state = smb.start(host)
  if not status then
    return smb.unanswered(host, 2, state)
  end
  local reason
  status, reason = smb2.negotiate_v2(state)
  smb.stop(state)
  if not status then
    return smb.unanswered(host, 2, reason)
  end
  local guid = state.server_guid
  if not guid or #guid ~= 16 or not guid:find("[^%z]") then
    return nil
  end
  local output = stdnse.output_table()
  local name = guid:match("^([%w][%w_-]*)%z*$")
  output[name and "name" or "guid"] = name or spelled(guid)
  return output
end
