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

local comm = require "comm"
local datetime = require "datetime"
local match = require "match"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.port_or_service(11211, "memcached", { "tcp", "udp" })

-- Over UDP each datagram begins with request number, its place among how many, and a zero.
local function ask(host, port, command)
  local text = command .. "\r\n"
  if port.protocol == "udp" then
    text = string.pack(">I2I2I2I2", 1, 0, 1, 0) .. text
  end
  local socket = nmap.new_socket(port.protocol)
  socket:set_timeout(5000)
  local status = socket:connect(host, port)
  local reply
  if status then
    socket:send(text)
    status, reply = socket:receive_buf(match.pattern_limit("END\r\n", 65536), true)
  end
  socket:close()
  if not status then
    return nil
  end
  local fields = {}
  for name, value in reply:gmatch("STAT (%S+) ([^\r\n]*)") do
    fields[name] = value
  end
  return next(fields) and fields or nil
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
  local stats = ask(host, port, "stats")
  if not stats then
    return nil
  end
  local time = tonumber(stats.time or "")
  if time then
    datetime.record_skew(host, time)
    stats.time = datetime.format_timestamp(time)
  end
  local output = stdnse.output_table()
  add(output, stats, shown)
  add(output, ask(host, port, "stats settings") or {}, settings_shown)
  return output
end
