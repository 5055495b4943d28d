description = [[
Asks which DHCPv6 servers there are on the links of this machine and what they offer: addresses,
name servers, domains. Offers are not accepted.
]]
---
-- @output
-- | broadcast-dhcp6-discover:
-- |   Interface: eth0
-- |     Message type: Advertise
-- |     Transaction id: 5150
-- |     Options
-- |       Server identifier: MAC: 02:00:5E:10:00:01; Time: 2026-11-28T15:40:12
-- |       Non-temporary Address: 2001:db8:1:2::1000
-- |_      DNS Servers: 2001:db8::35

author = "Muster"
license = "Apache-2.0"
categories = { "broadcast", "safe" }

identity = {}
volatile = { "xid", "Client identifier", "Non-temporary Address" }

local dhcp6 = require "dhcp6"
local stdnse = require "stdnse"

prerule = function()
  return true
end

local function interfaces()
  local names, seen = {}, {}
  for _, interface in ipairs(nmap.list_interfaces()) do
    if interface.up == "up" and interface.link == "ethernet" and not seen[interface.device] then
      seen[interface.device] = true
      names[#names + 1] = interface.device
    end
  end
  return names
end

local function answer_table(name, answer)
  local out = stdnse.output_table()
  out.interface = name
  out.xid = answer.xid
  for _, option in ipairs(answer.options) do
    out[option.name] = option.value
  end
  return out
end

function action()
  local data, lines = {}, {}
  for _, name in ipairs(interfaces()) do
    local helper = dhcp6.Helper:new(name)
    local status, answers
    if helper then
      status, answers = helper:ask()
    end
    for _, answer in ipairs(status and answers or {}) do
      data[#data + 1] = answer_table(name, answer)
      local part = dhcp6.lines_of(answer)
      part.name = "Interface: " .. name
      lines[#lines + 1] = part
    end
  end
  if #data == 0 then
    return nil
  end
  return data, stdnse.format_output(true, lines)
end
