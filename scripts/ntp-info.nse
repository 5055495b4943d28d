description = [[
Shows the clock of an NTP server and, where it answers control messages, its variables: version,
system, processor.
]]
---
-- @output
-- | ntp-info:
-- |   receive time stamp: 2026-11-22T22:05:47
-- |   version: ntpd 4.2.8p15
-- |_  system: Linux/5.10.0

author = "Muster"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

identity = {}
volatile = {
  "receive time stamp", "clock", "peer", "precision", "rootdelay", "rootdisp", "reftime", "offset",
  "frequency",
  "sys_jitter", "clk_jitter", "clk_wander", "jitter", "noise", "stability", "mintc", "tc", "refid",
  "stratum", "leap",
  -- of an ntpd before 4.2.6, and of its keys
  "rootdispersion", "poll", "state", "flags", "update", "signature", "cert", "expire",
}

local asker = require "asker"
local datetime = require "datetime"
local nmap = require "nmap"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.port_or_service(123, "ntp", "udp", { "open", "open|filtered" })

-- Seconds from 1900 to 1970.
local epoch = 2208988800

-- Datagrams get lost: so many are sent before silence is an answer, to a host that has answered
-- something one more.
local tries_max = 2

local function ask(host, port, request, tries)
  local socket = nmap.new_socket("udp")
  socket:set_timeout(3000)
  local status, reply
  for _ = 1, tries do
    status, reply = socket:sendto(host, port, request)
    if status then
      status, reply = socket:receive()
    end
    if status then
      break
    end
  end
  socket:close()
  return status and reply or nil, reply
end

-- The time when the server got a client packet (RFC 5905, section 7.3), as seconds since 1970; nil and
-- the reason.
local function receive_time(host, port)
  local reply, reason = ask(host, port, "\xe3\0\4\xfa\0\1\0\0\0\1\0\0" .. ("\0"):rep(36),
    tries_max)
  if not reply or #reply < 48 or reply:byte() & 7 ~= 4 then
    return nil, reason
  end
  local seconds, fraction = string.unpack(">I4I4", reply, 33)
  return seconds - epoch + fraction / 4294967296
end

-- The variables of a control message "read variables" (RFC 9327).
local function variables(host, port, heard)
  local reply = ask(host, port, "\x16\2\0\1\0\0\0\0\0\0\0\0", heard and tries_max + 1 or tries_max)
  if not reply or #reply < 13 or reply:byte() & 7 ~= 6 then
    return nil
  end
  local length = string.unpack(">I2", reply, 11)
  local output = {}
  -- (names begin where no letter stands before: a long run of letters is looked at once)
  for name, value in reply:sub(13, 12 + length):gmatch("%f[%w_]([%w_]+)=%s*(\"?[^,\r\n]*)") do
    output[#output + 1] = { name, (value:gsub("^\"(.-)\"?$", "%1")) }
  end
  return output
end

function action(host, port)
  local time, reason = receive_time(host, port)
  local list = variables(host, port, time ~= nil)
  if not time and not list then
    return asker.unanswered(port, { "ntp" }, reason)
  end
  nmap.set_port_state(host, port, "open")
  local output = stdnse.output_table()
  if time then
    datetime.record_skew(host, time)
    output["receive time stamp"] = datetime.format_timestamp(time)
  end
  for _, item in ipairs(list or {}) do
    output[item[1]] = item[2]
    if item[1] == "version" and port.version then
      port.version.version = item[2]
    elseif item[1] == "system" and port.version then
      port.version.ostype = item[2]:match("^[^/]+")
    end
  end
  if list then
    port.version.name = "ntp"
    nmap.set_port_version(host, port, "softmatched")
  elseif nmap.verbosity() == 0 then
    -- the time by itself is told to those who ask for more, as under nmap
    return output, "\n  "
  end
  return output
end
