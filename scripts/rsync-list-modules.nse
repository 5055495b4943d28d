description = [[
Lists the modules that an rsync daemon offers.
]]
---
-- @output
-- | rsync-list-modules:
-- |   www            WWW directory
-- |_  log            log directory

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "safe" }

identity = {}
volatile = {}
finding = "low"

local asker = require "asker"
local rsync = require "rsync"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.port_or_service(873, "rsync", "tcp")

function action(host, port)
  local helper = rsync.Helper:new(host, port)
  local status, modules = helper:connect()
  if status then
    status, modules = helper:listModules()
  end
  helper:disconnect()
  if not status then
    return helper.version and asker.broken_off(modules)
      or asker.unanswered(port, { "rsync", plain = true }, modules)
  end
  return #modules > 0 and stdnse.format_output(true, modules) or nil
end
