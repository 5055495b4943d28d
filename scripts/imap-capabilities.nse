description = [[
Shows the capabilities of an IMAP server.
]]
---
-- @output
-- |_imap-capabilities: AUTH=PLAIN IDLE IMAP4rev1 LITERAL+ STARTTLS

author = "Muster"
license = "Apache-2.0"
categories = { "default", "safe" }

identity = {}
volatile = {}

local asker = require "asker"
local imap = require "imap"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.port_or_service({ 143, 993 }, { "imap", "imaps" })

function action(host, port)
  local helper = imap.Helper:new(host, port)
  local status, reason = helper:connect()
  if not status then
    return asker.unanswered(port, { "imap", "imaps" }, reason)
  end
  local capabilities
  status, capabilities = helper:capabilities()
  helper:close()
  if not status then
    return asker.broken_off(capabilities)
  end
  local names = {}
  for name in pairs(capabilities) do
    names[#names + 1] = name
  end
  table.sort(names)
  return #names > 0 and table.concat(names, " ") or nil
end
