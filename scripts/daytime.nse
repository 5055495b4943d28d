description = [[
Shows the day and time that a Daytime service (RFC 867) tells.
]]
---
-- @output
-- |_daytime: 28 NOV 2026 15:40:17 UTC

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "safe" }

identity = {}
volatile = { "*" }

local asker = require "asker"
local comm = require "comm"
local shortport = require "shortport"

portrule = shortport.port_or_service(13, "daytime", { "tcp", "udp" })

function action(host, port)
  local status, text = comm.exchange(host, port, "\r\n", { lines = 1, tries = 2, timeout = 5000 })
  if not status then
    return asker.unanswered(port, { "daytime" }, text)
  end
  text = text:sub(1, 256)
  -- a clock tells digits; what else answers is another service
  if not text:find("%d%d:%d%d") or text:find("[^%g \r\n]") then
    return nil
  end
  return text
end
