description = [[
Shows the NetBIOS names of a host, its hardware address as it tells it, and who is logged in.
]]
---
-- @output
-- |_nbstat: NetBIOS name: NAS, NetBIOS user: <unknown>, NetBIOS MAC: 00089b990015 (unknown)
--
-- The names stand in the structured output, and with -v in the text, too.

author = "Muster"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

-- The hardware address comes from the host itself; some systems say zeros.
identity = { "mac", "server_name" }
volatile = { "user" }

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

local entry_mt = {
  __tostring = function(t)
    return t.text
  end,
}

function action(host)
  local status, names, statistics = netbios.do_nbstat(host)
  if not status then
    return nil
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
  local list, lines = {}, {}
  for i, entry in ipairs(names) do
    list[i] = setmetatable({
      name = entry.name, suffix = entry.suffix, flags = entry.flags,
      text = ("%s<%02x>"):format(entry.name, entry.suffix),
    }, entry_mt)
    -- not by format, which takes no zeros
    lines[i] = "  " .. list[i].text .. (" "):rep(20 - #list[i].text) .. " Flags: "
      .. netbios.flags_to_string(entry.flags)
    list[i].text = nil
  end
  output.names = list
  local text = "NetBIOS name: " .. output.server_name .. ", NetBIOS user: " .. output.user
    .. ", NetBIOS MAC: " .. mac_text
  if nmap.verbosity() > 0 then
    text = text .. "\nNames:\n" .. table.concat(lines, "\n")
  end
  return output, text
end
