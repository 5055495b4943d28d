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

local asker = require "asker"
local shortport = require "shortport"
local socks = require "socks"

local services = { "socks", "socks5", "tor-socks" }
portrule = shortport.port_or_service({ 1080, 9050 }, services)

local function ask_once(host, port, number)
  local helper = socks.Helper:new(host, port)
  local status, answer, connected = helper:connect({ number })
  helper:close()
  if status then
    return asker.ANSWERED, answer
  end
  return connected and asker.kind_of(answer) or asker.SILENT, nil, answer
end

function action(host, port)
  local server, methods = asker.new(function(number)
    return ask_once(host, port, number)
  end), {}
  server.expected = asker.is_recognised(port, services)
  server:each({ 0, 1, 2 }, function(number)
    local answer = server:ask(number)
    methods[number] = answer and answer.method == number and answer.name
  end)
  local found = {}
  for number = 0, 2 do
    local name = methods[number]
    if name then
      found[#found + 1] = setmetatable({ name = name, method = number }, { __tostring = function()
        return name
      end })
    end
  end
  return #found > 0 and found or nil
end
