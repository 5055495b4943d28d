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

local asker = require "asker"
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
  auth:set_timeout(15000) -- identd may look up our name first, where nobody answers
  local line, ours, _
  local status, reason = service:connect(host, port)
  if status then
    status, reason = auth:connect(host, 113)
  end
  if status then
    _, _, ours = service:get_info()
    auth:send(("%d, %d\r\n"):format(port.number, ours))
    status, line = auth:receive_buf(match.pattern_limit("\r?\n", line_max), false)
    reason = not status and line or nil
  end
  auth:close()
  service:close()
  if not status then
    local known = nmap.get_port_state(host, { number = 113, protocol = "tcp" })
    return asker.unanswered(known, { "auth", "ident" }, reason)
  end
  return owner_of(line, port.number, ours)
end
