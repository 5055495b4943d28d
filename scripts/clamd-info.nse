description = [[
Shows the version of a ClamAV daemon that takes commands from the network. It asks no one for a
password: whoever reaches it can also end it, or have it read files.
]]
---
-- @output
-- | clamd-info:
-- |   Version: 1.0.7
-- |   Database: 27424
-- |_  Database date: Tue Oct 10 07:45:12 2023

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "version" }

identity = {}
volatile = { "Database", "Database date" }
finding = "medium"

local asker = require "asker"
local drain = require "drain"
local shortport = require "shortport"
local stdnse = require "stdnse"

local names = { "clam", "clamd", "dyna-access" }
portrule = shortport.port_or_service(3310, names, "tcp")

function action(host, port)
  local answer, reason = drain.all(host, port, "zVERSION\0", { bytes_max = 1024 })
  -- "ClamAV 1.0.7/27424/Tue Oct 10 07:45:12 2023", without the rest when no database is loaded
  local version, rest = (answer or ""):match("^ClamAV ([%w.+~-]+)([^%z\n]*)")
  if not version then
    return asker.unanswered(port, names, reason)
  end
  local output = stdnse.output_table()
  output.Version = version
  output.Database = rest:match("^/(%d+)/")
  output["Database date"] = rest:match("^/%d+/(.+)$")
  port.version.name, port.version.product, port.version.version = "clam", "ClamAV", version
  nmap.set_port_version(host, port)
  return output
end
