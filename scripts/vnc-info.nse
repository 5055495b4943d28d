description = [[
Shows the version of a VNC server and the ways in which it lets people in; a server with the type
None lets anyone in.
]]
---
-- @output
-- | vnc-info:
-- |   Protocol version: 3.8
-- |   Security types:
-- |     VNC Authentication (2)
-- |_    Tight (16)

author = "Muster"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

identity = {}
volatile = {}
finding = { WARNING = "high" }

local asker = require "asker"
local shortport = require "shortport"
local stdnse = require "stdnse"
local vnc = require "vnc"

portrule = shortport.port_or_service({ 5900, 5901, 5902 }, { "vnc" }, "tcp")

local function version_text(text)
  local major, minor = text:match("^(%d+)%.(%d+)$")
  return major and ("%d.%d"):format(tonumber(major), tonumber(minor)) or text
end

function action(host, port)
  local server = vnc.VNC:new(host, port)
  local status, reason = server:connect()
  if not status then
    return asker.unanswered(port, { "vnc", plain = true }, reason)
  end
  status, reason = server:handshake()
  if not status then
    server:disconnect()
    if server.protover then
      -- it has locked us out for a while, or is busy: that says nothing of its ways to let people in
      error(reason, 0)
    end
    return asker.unanswered(port, { "vnc", plain = true }, reason)
  end
  local output = stdnse.output_table()
  output["Protocol version"] = version_text(server.protover)
  output["Security types"] = server:getSecTypesAsTable()
  if server:supportsSecType(vnc.VNC.sectypes.NONE) then
    output.WARNING = "Server does not require authentication"
  elseif server:supportsSecType(vnc.VNC.sectypes.VENCRYPT) then
    server:sendSecType(vnc.VNC.sectypes.VENCRYPT)
    status, reason = server:handshake_vencrypt()
    if not status then
      server:disconnect()
      asker.broken_off(reason)
    else
      output["VeNCrypt auth subtypes"] = server:getVencryptTypesAsTable()
    end
  end
  server:disconnect()
  return output
end
