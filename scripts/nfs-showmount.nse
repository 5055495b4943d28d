description = [[
Shows what an NFS server exports, and to whom.
]]
---
-- @output
-- | nfs-showmount:
-- |   /home 10.0.0.0/8
-- |_  /share *

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "safe" }

identity = {}
volatile = {}
finding = "low"

local rpc = require "rpc"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.port_or_service(111, { "rpcbind", "mountd" }, { "tcp", "udp" })

function action(host, port)
  local status, exports = rpc.Helper.ShowMounts(host, port)
  if not status then
    return rpc.Helper.Unanswered(port, exports)
  end
  local lines = {}
  for _, export in ipairs(exports) do
    lines[#lines + 1] = export.name .. " " .. table.concat(export, " ")
  end
  return #lines > 0 and stdnse.format_output(true, lines) or nil
end
