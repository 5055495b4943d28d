description = [[
Asks the finger service (RFC 1288) who is logged in, and shows what it answers.
]]
---
-- @output
-- | finger:
-- | Login     Name       Tty      Idle  Login Time   Office     Office Phone
-- |_root      root       tty1       3d  Jan  4 10:23

author = "Muster"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

identity = {}
volatile = { "*" }
finding = "low"

local asker = require "asker"
local drain = require "drain"
local shortport = require "shortport"

portrule = shortport.port_or_service(79, "finger")

function action(host, port)
  local text, reason = drain.all(host, port, "\r\n", { bytes_max = 16384 })
  if not text then
    return asker.unanswered(port, { "finger" }, reason)
  end
  -- a web server that did not understand is none
  if text:find("^HTTP/%d") or not text:find("%S") then
    return nil
  end
  return (text:gsub("[^\r\n\t -~\x80-\xff]", "."))
end
