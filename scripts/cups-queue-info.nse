description = [[
Lists the jobs that wait in the queues of a CUPS server: when they came, how large they are, whose
they are.
]]
---
-- @output
-- | cups-queue-info:
-- |   Lab_Laser
-- |     id  time                 state  size (kb)  owner  jobname
-- |_    1   2026-11-28 15:31:19  Held   1k         root   passwd

author = "Muster"
license = "Apache-2.0"
categories = { "safe", "discovery" }

identity = {}
volatile = { "*" }

local asker = require "asker"
local api = require "http.api"
local ipp = require "ipp"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.port_or_service(631, "ipp", "tcp", "open")

function action(host, port)
  local queues, reason = ipp.Helper:new(host, port):getQueueInfo()
  if not queues then
    asker.check_busy(reason, table.unpack(ipp.busy))
    api.first_or_refused(host, port, { ["status-line"] = reason })
    return nil
  end
  return stdnse.format_output(true, queues)
end
