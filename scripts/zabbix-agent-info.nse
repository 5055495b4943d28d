description = [[
Shows what a Zabbix agent tells us: version, name and system. An agent should answer its own server
only.
]]
---
-- @output
-- | zabbix-agent-info:
-- |   agent.version: 6.0.14
-- |   agent.hostname: web1
-- |_  system.uname: Linux web1 6.1.0-18-amd64 #1 SMP x86_64

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "safe", "version" }

identity = { "agent.hostname" }
volatile = {}
finding = "medium"

local asker = require "asker"
local match = require "match"
local nmap = require "nmap"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.port_or_service(10050, { "zabbix", "zabbix-agent" }, "tcp")

local value_max = 65536

-- Zabbix protocol: "ZBXD", flags, length and reserve of four bytes each, data. One question a
-- connection.
local function ask(host, port, key)
  local socket, value = nmap.new_socket(), nil
  socket:set_timeout(5000)
  local status, head = socket:connect(host, port)
  if status then
    socket:send("ZBXD\1" .. string.pack("<I4I4", #key, 0) .. key)
    status, head = socket:receive_buf(match.numbytes(13), true)
  end
  local mark, flags, length
  if status then
    mark, flags, length = string.unpack("<c4BI4", head)
  end
  if mark == "ZBXD" and flags == 1 and length <= value_max then
    status, value = match.read(socket, length)
    head = not status and value or nil
    value = status and value or nil
  end
  socket:close()
  return value, head
end

function action(host, port)
  local output = stdnse.output_table()
  for _, key in ipairs({ "agent.version", "agent.hostname", "system.uname" }) do
    local value, reason = ask(host, port, key)
    if not value and not output["agent.version"] then
      return asker.unanswered(port, { "zabbix", "zabbix-agent" }, reason)
    elseif not value then
      -- it answers us; so an agent that is busy is asked again
      value = ask(host, port, key) or error("no answer for " .. key, 0)
    end
    if value ~= "" and not value:find("^ZBX_NOTSUPPORTED") then
      output[key] = value
    end
  end
  if not output["agent.version"] then
    return nil
  end
  port.version.name, port.version.product = "zabbix", "Zabbix agent"
  port.version.version = output["agent.version"]
  nmap.set_port_version(host, port)
  return output
end
