description = [[
Shows the NetBIOS names of a host, its hardware address as it tells it, and who is logged in.
]]
---
-- @output
-- |_nbstat: NetBIOS name: NAS, NetBIOS user: <unknown>, NetBIOS MAC: 00089b990015 (unknown)
--
-- The names stand in the structured output, and with -v in the text, too: those of users and of the
-- roles that computers pass to one another by election under `moving`.

author = "Muster"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

-- The hardware address comes from the host itself; some systems say zeros.
identity = { "mac", "server_name" }
volatile = { "user", "moving" }

local asker = require "asker"
local datafiles = require "datafiles"
local netbios = require "netbios"
local nmap = require "nmap"
local stdnse = require "stdnse"

function hostrule(host)
  for _, port in ipairs({ { "udp", 137 }, { "tcp", 139 }, { "tcp", 445 } }) do
    local known = nmap.get_port_state(host, { number = port[2], protocol = port[1] })
    if known and (known.state == "open" or known.state == "open|filtered") then
      return true
    end
  end
  return false
end

local function vendor_of(mac)
  local status, prefixes = datafiles.parse_mac_prefixes()
  return status and prefixes[stdnse.tohex(mac:sub(1, 3)):upper()] or "unknown"
end

-- Is it the name of someone who is logged in (03), or that of a browser that won an election (1d
-- and 01)?
local function moves(entry, server)
  local computer = entry.name == server or entry.name == (server or "") .. "$"
  return entry.suffix == 0x1d or entry.suffix == 0x01 or entry.suffix == 0x03 and not computer
end

local function sorted(list)
  table.sort(list, function(a, b)
    if a.name ~= b.name then
      return a.name < b.name
    elseif a.suffix ~= b.suffix then
      return a.suffix < b.suffix
    end
    return a.flags < b.flags
  end)
  return #list > 0 and list or nil
end

-- A line for each name.
local function lines_of(names)
  local lines = {}
  for i, entry in ipairs(names) do
    local text = ("%s<%02x>"):format(entry.name, entry.suffix)
    -- not by format, which takes no zeros
    lines[i] = "  " .. text .. (" "):rep(20 - #text) .. " Flags: "
      .. netbios.flags_to_string(entry.flags)
  end
  return table.concat(lines, "\n")
end

function action(host)
  local status, names, statistics = netbios.do_nbstat(host)
  if not status then
    local node = nmap.get_port_state(host, { number = 137, protocol = "udp" })
    -- one that has answered someone
    return node and node.state == "open" and asker.broken_off(names) or nil
  end
  local _, server = netbios.get_server_name(host, names)
  local _, user = netbios.get_user_name(host, names)
  local mac = #statistics >= 6 and statistics:sub(1, 6) or nil
  local output = stdnse.output_table()
  output.server_name = server or (names[1] and names[1].name) or "<unknown>"
  output.user = user or "<unknown>"
  local mac_text = "<unknown>"
  if mac then
    local maker = vendor_of(mac)
    output.mac = { address = stdnse.format_mac(mac), manuf = maker }
    mac_text = stdnse.tohex(mac) .. " (" .. maker .. ")"
  end
  local lasting, moving = {}, {}
  for _, entry in ipairs(names) do
    table.insert(moves(entry, server) and moving or lasting, { name = entry.name,
      suffix = entry.suffix, flags = entry.flags })
  end
  output.names, output.moving = sorted(lasting), sorted(moving)
  local text = "NetBIOS name: " .. output.server_name .. ", NetBIOS user: " .. output.user
    .. ", NetBIOS MAC: " .. mac_text
  if nmap.verbosity() > 0 then
    text = text .. "\nNames:\n" .. lines_of(names)
  end
  return output, text
end
