description = [[
Finds display managers that offer a desktop session over the network (XDMCP, unencrypted), by asking
for one; the session is not begun.
]]
---
-- @output
-- | xdmcp-discover:
-- |   Hostname: desk.example.com
-- |   Status: Linux 6.1.0
-- |   Session id: 0x00001A2B
-- |   Authorization name: MIT-MAGIC-COOKIE-1
-- |_  Authorization data: 0f1e2d3c4b5a69788796a5b4c3d2e1f0

author = "Muster"
license = "Apache-2.0"
categories = { "safe", "discovery" }

identity = {}
volatile = { "Session id", "Authorization data", "Authentication data", "Status" }
finding = "medium"

local asker = require "asker"
local shortport = require "shortport"
local stdnse = require "stdnse"
local xdmcp = require "xdmcp"

portrule = shortport.port_or_service(177, "xdmcp", "udp", { "open", "open|filtered" })

local function printable(text)
  return (text:gsub("[^\x20-\x7e]", "."))
end

local function session_fields(output, session)
  output["Session id"] = ("0x%.8X"):format(session.session_id)
  for _, item in ipairs({ { "Authentication name", "auth_name" },
    { "Authorization name", "authr_name" } }) do
    if session[item[2]] ~= "" then
      output[item[1]] = printable(session[item[2]])
    end
  end
  if session.authr_data ~= "" then
    output["Authorization data"] = stdnse.tohex(session.authr_data)
  end
end

function action(host, port)
  local helper = xdmcp.Helper:new(host, port)
  if not helper:connect() then
    return nil
  end
  local status, willing = helper:exch(xdmcp.Packet[xdmcp.OpCode.QUERY]:new())
  if not status or willing.opcode ~= xdmcp.OpCode.WILLING then
    helper:close()
    return asker.unanswered(port, { "xdmcp" }, not status and willing or "another answer")
  end
  nmap.set_port_state(host, port, "open")
  local output, session = stdnse.output_table(), nil
  output.Hostname = printable(willing.hostname)
  output.Status = printable(willing.status)
  status, session = helper:requestSession({ "MIT-MAGIC-COOKIE-1", "XDM-AUTHORIZATION-1" })
  helper:close()
  if not status then
    -- a manager may decline
    asker.broken_off(session)
  else
    session_fields(output, session)
  end
  return output
end
