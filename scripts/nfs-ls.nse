description = [[
Shows the files in the first directory of each NFS export that we may mount, with their rights, and
what an unknown user may do there.
]]
---
-- @args ls.maxfiles  How many files are shown (10; 0 for all).
--
-- @output
-- | nfs-ls: Volume /srv/backup
-- |   access: Read Lookup NoModify NoExtend NoDelete NoExecute
-- | PERMISSION  UID   GID   SIZE  TIME                 FILENAME
-- | rwxr-xr-x   0     0     4096  2026-11-28T15:40:00  .
-- |_

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "safe" }

identity = {}
volatile = { "size", "time", "bytes" }
finding = "medium"

local asker = require "asker"
local ls = require "ls"
local rpc = require "rpc"
local shortport = require "shortport"
local stdnse = require "stdnse"

dependencies = { "rpcinfo" }
portrule = shortport.port_or_service(111, { "rpcbind", "mountd", "nfs" }, { "tcp", "udp" })

local function list_export(output, host, port, name)
  local status, directory = rpc.Helper.Dir(host, port, name)
  if not status then
    -- one that may not be mounted is an answer
    return asker.broken_off(directory)
  end
  ls.new_vol(output, name, true)
  local access_ok, access = rpc.Helper.Access(host, port, name)
  if not access_ok then
    asker.broken_off(access)
  else
    ls.report_info(output, "access: " .. rpc.Util.format_access(access.mask))
  end
  for _, entry in ipairs(directory.entries) do
    local a = entry.attributes
    if a and not ls.add_file(output, { rpc.Util.FpermToString(a.mode), tostring(a.uid),
      tostring(a.gid), tostring(a.size), rpc.Util.TimeToString(a.mtime.seconds), entry.name }) then
      break
    end
  end
  ls.end_vol(output)
end

function action(host, port)
  local status, exports = rpc.Helper.ShowMounts(host, port)
  if not status then
    return rpc.Helper.Unanswered(port, exports)
  end
  local output = ls.new_listing()
  for i, export in ipairs(exports) do
    if i <= 64 then
      list_export(output, host, port, export.name)
    end
  end
  return ls.end_listing(output)
end
