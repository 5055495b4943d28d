description = [[
Shows the size and use of the file systems behind the NFS exports of a host that we may mount.
]]
---
-- @args nfs-statfs.human  "true": sizes in K, M, G, T (else in blocks of 1024 bytes).
--
-- @output
-- | nfs-statfs:
-- |   Filesystem  1K-blocks  Used       Available  Use%  Maxfilesize  Maxlink
-- |_  /share      5542276.0  2732012.0  2528728.0  52%   8388608.0T   8

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "safe" }

identity = {}
volatile = { "*" }

local rpc = require "rpc"
local shortport = require "shortport"
local stdnse = require "stdnse"
local tab = require "tab"

dependencies = { "rpcinfo" }
portrule = shortport.port_or_service(111, { "rpcbind", "mountd", "nfs" }, { "tcp", "udp" })

function action(host, port)
  local status, exports = rpc.Helper.ShowMounts(host, port)
  if not status then
    return rpc.Helper.Unanswered(port, exports)
  end
  local human = stdnse.get_script_args(SCRIPT_NAME .. ".human")
  local rows = tab.new()
  tab.addrow(rows, "Filesystem", "1K-blocks", "Used", "Available", "Use%", "Maxfilesize",
    "Maxlink")
  local n = 0
  for i, export in ipairs(exports) do
    local ok, s
    if i <= 64 then
      ok, s = rpc.Helper.ExportStats(host, port, export.name)
    end
    if ok then
      local known, limits = rpc.Helper.ExportLimits(host, port, export.name)
      limits = known and limits or {}
      n = n + 1
      local shown = rpc.Util.calc_fsstat_table(s, 3, human)
      tab.addrow(rows, export.name, shown.size, shown.used, shown.available, shown.use,
        limits.maxfilesize and rpc.Util.size_text(limits.maxfilesize, true) or "-",
        limits.linkmax or "-")
    end
  end
  return n > 0 and stdnse.format_output(true, { tab.dump(rows) }) or nil
end
