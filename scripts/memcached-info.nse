description = [[
Shows what a memcached server tells anyone who asks: version, age, connections, whether it wants a
login.
]]
---
-- @output
-- | memcached-info:
-- |   Process ID: 51
-- |   Uptime: 874 seconds
-- |   Architecture: 64 bit
-- |   Maximum connections: 1024
-- |_  Authentication: no

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "safe" }

identity = {}
volatile = {
  "Process ID", "Uptime", "Server time", "Used CPU (user)", "Used CPU (system)",
  "Current connections",
  "Total connections",
}
finding = "high"

local asker = require "asker"
local comm = require "comm"
local datetime = require "datetime"
local match = require "match"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.port_or_service(11211, "memcached", { "tcp", "udp" })

-- What STAT lines say, by name; nil and the reason. Over UDP each datagram begins with request number, its place among how many, and a zero.
local function ask(host, port, command)
  local text = command .. "\r\n"
  if port.protocol == "udp" then
    text = string.pack(">I2I2I2I2", 1, 0, 1, 0) .. text
  end
  local socket = nmap.new_socket(port.protocol)
  socket:set_timeout(5000)
  local status, reply = socket:connect(host, port)
  for _ = 1, status and (port.protocol == "udp" and 2 or 1) or 0 do
    socket:send(text)
    -- "END" or "ERROR" on a line of its own; before it the head of a datagram ends in zeros
    status, reply = socket:receive_buf(match.pattern_limit("%f[^\n%z]E[NR]%u+\r\n", 65536), true)
    if status then
      break
    end
  end
  socket:close()
  if not status then
    return nil, reply
  end
  local fields = {}
  for name, value in reply:gmatch("STAT (%S+) ([^\r\n]*)") do
    fields[name] = value
  end
  return next(fields) and fields or nil, "no statistics"
end

local shown = {
  { "Process ID", "pid" },
  { "Uptime", "uptime", "%s seconds" },
  { "Server time", "time" },
  { "Architecture", "pointer_size", "%s bit" },
  { "Used CPU (user)", "rusage_user" },
  { "Used CPU (system)", "rusage_system" },
  { "Current connections", "curr_connections" },
  { "Total connections", "total_connections" },
}
local settings_shown = {
  { "Maximum connections", "maxconns" },
  { "TCP Port", "tcpport" },
  { "UDP Port", "udpport" },
  { "Authentication", "auth_enabled_sasl" },
}

local function add(output, fields, list)
  for _, item in ipairs(list) do
    local value = fields[item[2]]
    output[item[1]] = value and (item[3] or "%s"):format(value)
  end
end

function action(host, port)
  local stats, reason = ask(host, port, "stats")
  if not stats then
    return asker.unanswered(port, { "memcached", "memcache" }, reason)
  end
  local time = tonumber(stats.time or "")
  if time then
    datetime.record_skew(host, time)
    stats.time = datetime.format_timestamp(time)
  end
  local output = stdnse.output_table()
  add(output, stats, shown)
  local settings
  settings, reason = ask(host, port, "stats settings")
  add(output, settings or asker.broken_off(reason) or {}, settings_shown)
  return output
end
