description = [[
Takes the version of a Mumble server, and how many it lets in at what bandwidth, from its answer to a
ping.
]]
---
-- The ping of a client that lists servers: twelve bytes over UDP, to the number of the control port,
-- too (Mumble protocol, "Ping").
--
-- @output
-- 64738/tcp open  murmur  Murmur 1.3.4 (control port; max. users: 50; bandwidth: 96000 b/s)

author = "Muster"
license = "Apache-2.0"
categories = { "version", "safe" }

identity = {}
volatile = {}

local asker = require "asker"
local comm = require "comm"
local nmap = require "nmap"
local rand = require "rand"
local shortport = require "shortport"

portrule = shortport.port_or_service(64738, { "murmur", "mumble" }, { "tcp", "udp" })

function action(host, port)
  local token = rand.random_string(8)
  local status, answer = comm.exchange(host, port.number, "\0\0\0\0" .. token,
    { proto = "udp", tries = 3, timeout = 2000 })
  if not status then
    return asker.unanswered(port, { "murmur", "mumble", plain = true }, answer)
  elseif #answer < 24 or answer:sub(5, 12) ~= token then
    return nil
  end
  local major, minor, patch = answer:byte(2, 4)
  local _, users_max, bandwidth = string.unpack(">I4I4I4", answer, 13)
  local version = ("%d.%d.%d"):format(major, minor, patch)
  port.version.name, port.version.product, port.version.version = "murmur", "Murmur", version
  -- how many are there now changes from visit to visit
  port.version.extrainfo = ("%s port; max. users: %d; bandwidth: %d b/s"):format(
    port.protocol == "udp" and "voice" or "control", users_max, bandwidth)
  port.version.cpe = { "cpe:/a:mumble:mumble:" .. version }
  if port.protocol == "udp" then
    nmap.set_port_state(host, port, "open")
  end
  nmap.set_port_version(host, port)
  return nil
end
