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

local shortport = require "shortport"
local socks = require "socks"
local stdnse = require "stdnse"

portrule = shortport.port_or_service({ 1080, 9050 }, { "socks", "socks4", "socks5", "tor-socks" })

function action(host, port)
  local versions = {}
  local helper = socks.Helper:new(host, port)
  if not host.ip:find(":", 1, true) and helper:connect4(host.ip, port.number) then
    versions[#versions + 1] = "socks4"
  end
  helper:close()
  helper = socks.Helper:new(host, port)
  local status, answer = helper:connect()
  if status and answer.method == socks.AuthMethod.NONE
    and helper:connect_to(host.ip, port.number) then
    versions[#versions + 1] = "socks5"
  end
  helper:close()
  if #versions == 0 then
    return nil
  end
  local output = stdnse.output_table()
  output.status = "open"
  output.versions = versions
  return output
end
