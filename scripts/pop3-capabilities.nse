description = [[
Shows the capabilities of a POP3 server.
]]
---
-- @output
-- |_pop3-capabilities: CAPA PIPELINING SASL(PLAIN LOGIN) STLS TOP UIDL USER

author = "Muster"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

identity = {}
volatile = {}

local asker = require "asker"
local pop3 = require "pop3"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.port_or_service({ 110, 995 }, { "pop3", "pop3s" })

function action(host, port)
  local capabilities, reason, passing = pop3.capabilities(host, port)
  if passing then
    -- the server is there: what it can do stays what it was
    error("it does not tell what it can do: " .. reason, 0)
  elseif not capabilities then
    return asker.unanswered(port, { "pop3", "pop3s" }, reason)
  end
  local names = {}
  for name, parameters in pairs(capabilities) do
    local list = #parameters > 0 and "(" .. table.concat(parameters, " ") .. ")" or ""
    names[#names + 1] = name .. list
  end
  table.sort(names)
  return #names > 0 and table.concat(names, " ") or nil
end
