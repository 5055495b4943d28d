description = [[
Asks the identification service of a host (RFC 1413) which of its users owns the server behind each
open TCP port.
]]
---
-- @output
-- 22/tcp  open  ssh
-- |_auth-owners: root

author = "Muster"
license = "Apache-2.0"
categories = { "default", "safe" }

identity = {}
volatile = {}
finding = "low"

local match = require "match"
local stringaux = require "stringaux"

local line_max = 1000

function portrule(host, port)
  if port.protocol ~= "tcp" or port.state ~= "open" then
    return false
  end
  local auth = nmap.get_port_state(host, { number = 113, protocol = "tcp" })
  return auth ~= nil and auth.state == "open"
end

-- "22, 40000 : USERID : UNIX : root" -> "root"; an error or another pair of ports gives nil.
local function owner_of(line, number, ours)
  local theirs, mine, kind, rest = line:match("^%s*(%d+)%s*,%s*(%d+)%s*:%s*(%u+)%s*:(.*)$")
  if tonumber(theirs) ~= number or tonumber(mine) ~= ours or kind ~= "USERID" then
    return nil
  end
  local owner = rest:match("^[^:]*:%s*(.*)$")
  owner = owner and stringaux.trim_end(owner)
  return owner ~= "" and owner or nil
end

function action(host, port)
  local service, auth = nmap.new_socket(), nmap.new_socket()
  service:set_timeout(5000)
  auth:set_timeout(5000)
  local line
  if service:connect(host, port) and auth:connect(host, 113) then
    local status, _, ours = service:get_info()
    if status and auth:send(("%d, %d\r\n"):format(port.number, ours)) then
      status, line = auth:receive_buf(match.pattern_limit("\r?\n", line_max), false)
      line = status and owner_of(line, port.number, ours)
    end
  end
  auth:close()
  service:close()
  return line or nil
end
