description = [[
Shows the routing table of a router that speaks RIP (RFC 2453, version 2; RFC 1058) and answers a
request for all of it without authentication.
]]
---
-- @output
-- | rip-info:
-- |   version: 2
-- |   routes:
-- |     192.0.2.0/24: metric 1
-- |_    198.51.100.0/24: metric 3, via 192.0.2.9

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "safe" }

identity = {}
volatile = {}
finding = "low"

local asker = require "asker"
local ipOps = require "ipOps"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.port_or_service(520, { "route", "rip" }, "udp", { "open", "open|filtered" })

local packets_max, routes_max = 64, 1000
-- as many stand in a datagram (section 4)
local routes_each = 25

-- A request with one entry of family 0 and metric 16: the whole table (RFC 2453, section 3.9.1).
local function request(version)
  return string.pack(">BBI2I2I2I4I4I4I4", 1, version, 0, 0, 0, 0, 0, 0, 16)
end

local function prefix_length(mask)
  local bits = 0
  while mask & 0x80000000 ~= 0 do
    bits, mask = bits + 1, mask << 1 & 0xffffffff
  end
  return bits
end

-- The routes of a response into `routes`, text by destination; the version, or nil when it is none.
local function read_response(data, routes, order)
  if #data < 4 or data:byte() ~= 2 then
    return nil
  end
  local version = data:byte(2)
  for at = 5, #data - 19, 20 do
    local family, _, address, mask, hop, metric = string.unpack(">I2I2c4I4c4I4", data, at)
    if family == 2 and #order < routes_max then
      local destination = ipOps.str_to_ip(address)
      if version >= 2 then
        destination = destination .. "/" .. prefix_length(mask)
      end
      if not routes[destination] then
        order[#order + 1] = destination
      end
      routes[destination] = "metric " .. math.min(metric, 16)
        .. (version >= 2 and hop ~= "\0\0\0\0" and ", via " .. ipOps.str_to_ip(hop) or "")
    end
  end
  return version
end

local function ask_once(host, port, version, routes, order)
  local socket = nmap.new_socket("udp")
  -- some routers answer their neighbours' port alone; where it is taken, another one must do
  socket:bind(nil, 520)
  socket:set_timeout(3000)
  local answered
  local status, data = socket:connect(host, port, "udp")
  if status then
    socket:send(request(version))
    for _ = 1, packets_max do
      status, data = socket:receive()
      if not status then
        break
      end
      answered = read_response(data, routes, order) or answered
      -- what follows comes at once
      socket:set_timeout(500)
    end
  end
  socket:close()
  return answered, data
end

-- A long table comes in many datagrams, of which one may get lost: it is asked for twice.
local function ask(host, port, version)
  local routes, order = {}, {}
  local answered, reason = ask_once(host, port, version, routes, order)
  if #order >= routes_each then
    ask_once(host, port, version, routes, order)
  end
  return answered, routes, order, reason
end

function action(host, port)
  local version, routes, order, reason
  -- datagrams get lost
  for _, number in ipairs({ 2, 1, 2 }) do
    if not version then
      version, routes, order, reason = ask(host, port, number)
    end
  end
  if not version then
    return asker.unanswered(port, { "route", "rip" }, reason)
  end
  nmap.set_port_state(host, port, "open")
  local output, list = stdnse.output_table(), stdnse.output_table()
  table.sort(order)
  for _, destination in ipairs(order) do
    list[destination] = routes[destination]
  end
  output.version = version
  output.routes = #order > 0 and list or nil
  return output
end
