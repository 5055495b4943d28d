description = [[
Shows the methods of authentication that a SOCKS 5 proxy takes.
]]
---
-- @output
-- | socks-auth-info:
-- |   No authentication
-- |_  Username and password

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "safe", "default" }

identity = {}
volatile = {}

local shortport = require "shortport"
local socks = require "socks"

portrule = shortport.port_or_service({ 1080, 9050 }, { "socks", "socks5", "tor-socks" })

function action(host, port)
  local found = {}
  for _, number in ipairs({ 0, 1, 2 }) do
    local helper = socks.Helper:new(host, port)
    local status, answer = helper:connect({ number })
    helper:close()
    if status and answer.method == number then
      found[#found + 1] = setmetatable({ name = answer.name, method = number },
        { __tostring = function()
          return answer.name
        end })
    elseif not status and answer ~= "no acceptable method" then
      break
    end
  end
  return #found > 0 and found or nil
end
