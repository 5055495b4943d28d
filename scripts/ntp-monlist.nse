description = [[
Finds NTP servers that list who asked them last (ntpd's MON_GETLIST, mode 7). Anyone can use such a
server to flood others with its long answers (CVE-2013-5211), and reads from it who is in the
network. One request is sent.
]]
---
-- @output
-- | ntp-monlist:
-- |   Private Clients (1)
-- |       10.1.2.3
-- |   Public Clients (2)
-- |_      192.0.2.20      192.0.2.193

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "intrusive" }

identity = {}
volatile = { "*" }
finding = "high"

local ipOps = require "ipOps"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.port_or_service(123, "ntp", "udp", { "open", "open|filtered" })

-- Version 2, mode 7, implementation XNTPD (3), request MON_GETLIST_1 (42).
local request = "\x17\0\3\x2a" .. ("\0"):rep(44)
local packets_max, shown_per_line = 120, 4

-- The addresses of one answer (ntp_request.h: struct info_monitor_1): into `clients`.
local function read_items(data, clients, seen)
  local count, size = string.unpack(">I2I2", data, 5)
  count, size = count & 0xfff, size & 0xfff
  for i = 0, count - 1 do
    local at = 9 + i * size
    if size < 32 or at + size - 1 > #data then
      return
    end
    local address
    if size >= 72 and string.unpack(">I4", data, at + 32) == 1 then
      address = ipOps.str_to_ip(data:sub(at + 40, at + 55))
    else
      address = ipOps.str_to_ip(data:sub(at + 16, at + 19))
    end
    if not seen[address] then
      seen[address] = true
      clients[#clients + 1] = address
    end
  end
end

-- The clients that the answers name; nil when there is no such answer.
local function ask(host, port)
  local socket = nmap.new_socket("udp")
  socket:set_timeout(3000)
  local clients, seen, any = {}, {}, false
  local status, data = socket:connect(host, port, "udp")
  if status then
    socket:send(request)
    for _ = 1, packets_max do
      status, data = socket:receive()
      -- answer bit, mode 7, request 42, no error
      if not status or #data < 8 or data:byte() & 0x87 ~= 0x87 or data:byte(4) ~= 42
        or data:byte(5) >> 4 ~= 0 then
        break
      end
      any = true
      read_items(data, clients, seen)
      if data:byte() & 0x40 == 0 then
        break
      end
    end
  end
  socket:close()
  return any and clients or nil
end

local function rows(list)
  local out = {}
  for i = 1, #list, shown_per_line do
    out[#out + 1] = table.concat(list, "  ", i, math.min(i + shown_per_line - 1, #list))
  end
  return out
end

function action(host, port)
  local clients = ask(host, port)
  if not clients then
    return nil
  end
  nmap.set_port_state(host, port, "open")
  local private, public = {}, {}
  for _, address in ipairs(clients) do
    table.insert(ipOps.isPrivate(address) and private or public, address)
  end
  local lines = {}
  for _, group in ipairs({ { "Private Clients", private }, { "Public Clients", public } }) do
    local part = rows(group[2])
    part.name = ("%s (%d)"):format(group[1], #group[2])
    lines[#lines + 1] = #part > 0 and part or part.name
  end
  return { private_clients = private, public_clients = public },
    stdnse.format_output(true, lines)
end
