description = [[
Finds SOCKS proxies that connect on for anyone. The proxy is asked to connect to its own port, so
that no other host is contacted.
]]
---
-- @output
-- | socks-open-proxy:
-- |   status: open
-- |   versions:
-- |     socks4
-- |_    socks5

author = "Muster"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

identity = {}
volatile = {}
finding = "high"

local asker = require "asker"
local shortport = require "shortport"
local socks = require "socks"
local stdnse = require "stdnse"

local services = { "socks", "socks4", "socks5", "tor-socks" }
portrule = shortport.port_or_service({ 1080, 9050 }, services)

-- Whether each version connects us on to the proxy itself: status, reason, connected.
local ask = {}

function ask.socks4(host, port, helper)
  return helper:connect4(host.ip, port.number)
end

function ask.socks5(host, port, helper)
  local status, answer, connected = helper:connect()
  if not status then
    return false, answer, connected
  elseif answer.method ~= socks.AuthMethod.NONE then
    return false, "no acceptable method", true
  end
  status, answer = helper:connect_to(host.ip, port.number)
  return status, answer, true
end

local function ask_once(host, port, version)
  local helper = socks.Helper:new(host, port)
  local status, reason, connected = ask[version](host, port, helper)
  if helper.socket then
    helper:close()
  end
  if status then
    return asker.ANSWERED, true
  end
  return connected and asker.kind_of(reason) or asker.SILENT, nil, reason
end

function action(host, port)
  local server, is_open, versions = asker.new(function(version)
    return ask_once(host, port, version)
  end), {}, {}
  server.expected = asker.is_recognised(port, services)
  -- SOCKS 4 has no addresses of IPv6
  local all = host.ip:find(":", 1, true) and { "socks5" } or { "socks4", "socks5" }
  server:each(all, function(version)
    is_open[version] = server:ask(version)
  end)
  for _, version in ipairs(all) do
    versions[#versions + 1] = is_open[version] and version or nil
  end
  if #versions == 0 then
    return nil
  end
  local output = stdnse.output_table()
  output.status = "open"
  output.versions = versions
  return output
end
