description = [[
Asks by broadcast which DHCP servers there are on the link and what they offer. Two that answer may
be one too many: a rogue server leads clients where it likes. Offers are not accepted.
]]
---
-- @args broadcast-dhcp-discover.mac      The hardware address to send (02:4d:75:73:74:72).
-- @args broadcast-dhcp-discover.timeout  Seconds to wait for answers (5).
--
-- @output
-- | broadcast-dhcp-discover:
-- |   Response 1 of 1:
-- |     IP Offered: 192.0.2.141
-- |     DHCP Message Type: DHCPOFFER
-- |     Server Identifier: 192.0.2.17
-- |_    Router: 192.0.2.1

author = "Muster"
license = "Apache-2.0"
categories = { "broadcast", "safe" }

identity = {}
volatile = { "IP Offered", "IP Address Lease Time", "Renewal Time Value", "Rebinding Time Value" }

local dhcp = require "dhcp"
local ipOps = require "ipOps"
local rand = require "rand"
local stdnse = require "stdnse"

local answers_max = 32

prerule = function()
  return true
end

local function server_of(result)
  return dhcp.table_of(result)["Server Identifier"]
end

-- The answers that come until the time is over into `results`, one for each server.
local function collect(socket, xid, timeout, results, seen)
  local deadline = nmap.clock_ms() + timeout * 1000
  while #results < answers_max and nmap.clock_ms() < deadline do
    socket:set_timeout(math.max(1, math.floor(deadline - nmap.clock_ms())))
    local status, data = socket:receive()
    if not status then
      break
    end
    local parsed, result = dhcp.dhcp_parse(data, xid)
    if parsed then
      local server = server_of(result) or data:sub(241)
      if not seen[server] then
        seen[server] = true
        results[#results + 1] = result
      end
    end
  end
end

-- By the server's address: which one answers first is chance.
local function sorted(results)
  local keys = {}
  for i, result in ipairs(results) do
    keys[result] = (ipOps.ip_to_str(server_of(result) or "") or "") .. string.char(i)
  end
  table.sort(results, function(a, b)
    return keys[a] < keys[b]
  end)
  return results
end

function action()
  local timeout = stdnse.parse_timespec(stdnse.get_script_args(SCRIPT_NAME .. ".timeout") or "5")
    or 5
  local given = stdnse.get_script_args(SCRIPT_NAME .. ".mac") or "024d75737472"
  local mac = stdnse.fromhex((given:gsub("[:-]", "")))
  local xid = rand.random_string(4)
  -- with the broadcast flag: we have no address to which the answer could be sent
  local status, packet = dhcp.dhcp_build(dhcp.request_types.DHCPDISCOVER, "0.0.0.0", mac, nil, nil,
    { flags = 0x8000 }, nil, xid)
  local socket = nmap.new_socket("udp")
  if not status or not socket:bind(nil, 68) then
    socket:close()
    return nil
  end
  local results, seen = {}, {}
  -- twice, for datagrams get lost: a server offers the same again to the same question
  for _ = 1, 2 do
    if socket:sendto("255.255.255.255", { number = 67, protocol = "udp" }, packet) then
      collect(socket, xid, timeout / 2, results, seen)
    end
  end
  socket:close()
  if #results == 0 then
    return nil
  end
  local output = stdnse.output_table()
  for i, result in ipairs(sorted(results)) do
    local one = stdnse.output_table()
    one["IP Offered"] = result.yiaddr_str
    output[("Response %d of %d"):format(i, #results)] = dhcp.table_of(result, one)
  end
  return output
end
