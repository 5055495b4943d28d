--- DHCP (RFC 2131, RFC 2132): asking a server what it would hand out.
--
-- Nothing is taken: a DISCOVER makes a server offer an address, an INFORM none at all; a REQUEST is
-- sent only when a script asks for it by name.

local datetime, ipairs, ipOps = require "datetime", ipairs, require "ipOps"
local math, nmap, pairs, rand = math, require "nmap", pairs, require "rand"
local stdnse, string, table, tostring = require "stdnse", string, table, tostring
local stringaux = require "stringaux"
local type = type

local M = {}

local options_max = 255
local cookie = "\x63\x82\x53\x63"

--- Message types by name and by number (RFC 2132, section 9.6).
M.request_types = { DHCPDISCOVER = 1, DHCPOFFER = 2, DHCPREQUEST = 3, DHCPDECLINE = 4, DHCPACK = 5,
  DHCPNAK = 6, DHCPRELEASE = 7, DHCPINFORM = 8 }
M.request_types_str = {}
for name, number in pairs(M.request_types) do
  M.request_types_str[number] = name
end

-- Readers of option values: text, number or array of them; nil when the length is wrong.
local function text(data)
  return (string.gsub(stringaux.trim_end(data, "%z"), "[%z\1-\31\127]", "."))
end

local function integer(size)
  return function(data)
    return #data == size and (string.unpack(">I" .. size, data)) or nil
  end
end

local function list_of(size, read)
  return function(data)
    local out = {}
    for at = 1, #data - size + 1, size do
      out[#out + 1] = read(string.sub(data, at, at + size - 1))
    end
    return #out == 1 and out[1] or #out > 0 and out or nil
  end
end

local addresses = list_of(4, ipOps.str_to_ip)

local function seconds(data)
  return #data == 4 and datetime.format_time((string.unpack(">I4", data))) or nil
end

local function flag(data)
  return #data == 1 and (data ~= "\0" and "true" or "false") or nil
end

local function message_type(data)
  return #data == 1 and (M.request_types_str[string.byte(data)] or "Unknown") or nil
end

-- Destination and gateway, pair by pair (options 21, 33).
local pairs_of = list_of(8, function(data)
  return ipOps.str_to_ip(string.sub(data, 1, 4)) .. "/" .. ipOps.str_to_ip(string.sub(data, 5))
end)

-- Classless routes (RFC 3442).
local function routes(data)
  local out, at = {}, 1
  while at <= #data and #out < 64 do
    local bits = string.byte(data, at)
    local bytes = (bits + 7) // 8
    if bits > 32 or at + bytes + 4 > #data then
      break
    end
    local network = string.sub(data, at + 1, at + bytes) .. ("\0"):rep(4 - bytes)
    out[#out + 1] = string.format("%s/%d %s", ipOps.str_to_ip(network), bits,
      ipOps.str_to_ip(string.sub(data, at + bytes + 1, at + bytes + 4)))
    at = at + bytes + 5
  end
  return #out > 0 and out or nil
end

local function hex(data)
  return stdnse.tohex(data)
end

--- Options by number: { name, reader }. Names as tools of this field print them (RFC 2132's
-- titles).
M.actions = {
  [1] = { "Subnet Mask", addresses }, [2] = { "Time Offset", integer(4) },
  [3] = { "Router", addresses }, [4] = { "Time Server", addresses },
  [5] = { "Name Server", addresses }, [6] = { "Domain Name Server", addresses },
  [7] = { "Log Server", addresses }, [9] = { "LPR Server", addresses },
  [12] = { "Hostname", text }, [13] = { "Boot File Size", integer(2) },
  [15] = { "Domain Name", text }, [17] = { "Root Path", text },
  [19] = { "IP Forwarding", flag }, [21] = { "Policy Filter", pairs_of },
  [23] = { "Default IP TTL", integer(1) }, [26] = { "Interface MTU", integer(2) },
  [28] = { "Broadcast Address", addresses }, [33] = { "Static Route", pairs_of },
  [40] = { "NIS Domain", text }, [41] = { "NIS Servers", addresses },
  [42] = { "NTP Servers", addresses }, [43] = { "Vendor Specific Information", hex },
  [44] = { "NetBIOS Name Server", addresses }, [46] = { "NetBIOS Node Type", integer(1) },
  [50] = { "Requested IP Address (client)", addresses },
  [51] = { "IP Address Lease Time", seconds }, [53] = { "DHCP Message Type", message_type },
  [54] = { "Server Identifier", addresses }, [56] = { "Error Message", text },
  [57] = { "Maximum DHCP Message Size", integer(2) }, [58] = { "Renewal Time Value", seconds },
  [59] = { "Rebinding Time Value", seconds }, [60] = { "Class Identifier", text },
  [61] = { "Client Identifier", hex }, [66] = { "TFTP Server Name", text },
  [67] = { "Bootfile Name", text }, [69] = { "SMTP Server", addresses },
  [114] = { "Captive Portal", text }, [119] = { "Domain Search", hex },
  [121] = { "Classless Static Route", routes }, [150] = { "TFTP Server Address", addresses },
  [252] = { "WPAD", text },
}

-- What a client asks for when a script does not say.
local usual = { 1, 3, 6, 12, 15, 28, 42, 44, 51, 58, 59, 66, 67, 114, 121, 150, 252 }

--- A request: `true, bytes` or `false, reason`.
--
-- `request_type`: number. `ip_address`: of the client, text or bytes; `mac_address`: bytes.
-- `options`: bytes of further options, or array of { number =, value = bytes }.
-- `request_options`: numbers to ask for. `overrides`: xid, flags, cookie and other fields of the
-- header. `lease_time`: seconds; nil asks for none.
function M.dhcp_build(request_type, ip_address, mac_address, options, request_options, overrides,
  lease_time, transaction_id)
  overrides = overrides or {}
  local mac = string.sub(mac_address or ("\0"):rep(6), 1, 16)
  local client = type(ip_address) == "string" and #ip_address ~= 4 and ipOps.ip_to_str(ip_address)
    or ip_address or "\0\0\0\0"
  if #client ~= 4 then
    return false, "no IPv4 address"
  end
  local xid = transaction_id or overrides.xid or rand.random_string(4)
  local out = { string.pack(">BBBBc4I2I2c4c4c4c4c16c64c128", overrides.op or 1,
    overrides.htype or 1, overrides.hlen or #mac, overrides.hops or 0, xid, overrides.secs or 0, overrides.flags or 0,
    client, "", "", overrides.giaddr or "", mac, overrides.sname or "", overrides.file or ""),
    overrides.cookie or cookie, string.pack("Bs1", 53, string.char(request_type)) }
  if type(options) == "string" then
    out[#out + 1] = options
  end
  for _, option in ipairs(type(options) == "table" and options or {}) do
    out[#out + 1] = string.pack("Bs1", option.number, option.value)
  end
  local wanted = type(request_options) == "string" and request_options
    or string.char(table.unpack(request_options or usual))
  out[#out + 1] = string.pack("Bs1", 55, wanted)
  if lease_time then
    out[#out + 1] = string.pack(">Bs1", 51, string.pack(">I4", lease_time))
  end
  local bytes = table.concat(out) .. "\xff"
  return true, bytes .. ("\0"):rep(300 - #bytes)
end

-- The options of a part of the packet; those that were split are put together (RFC 3396).
local function read_options(data, at, last, found, order)
  for _ = 1, options_max * 4 do
    local code = at <= last and string.byte(data, at)
    if not code or code == 255 then
      return
    end
    at = at + 1
    if code ~= 0 then
      local length = at <= last and string.byte(data, at)
      if not length or at + length > last then
        return
      end
      if not found[code] then
        order[#order + 1] = code
      end
      found[code] = (found[code] or "") .. string.sub(data, at + 1, at + length)
      at = at + 1 + length
    end
  end
end

--- An answer from bytes: `true, { xid, secs, flags, ciaddr_str, yiaddr_str, siaddr_str,
-- giaddr_str, chaddr, options = array of { name, value, number } }` or `false, reason`.
function M.dhcp_parse(data, transaction_id)
  if #data < 240 or string.sub(data, 237, 240) ~= cookie then
    return false, "no DHCP answer"
  elseif string.byte(data) ~= 2 then
    return false, "a request, no answer"
  elseif transaction_id and string.sub(data, 5, 8) ~= transaction_id then
    return false, "the answer to another request"
  end
  local _, _, hlen = string.byte(data, 1, 3)
  local xid, secs, flags, ciaddr, yiaddr, siaddr, giaddr, chaddr, sname, file =
    string.unpack(">c4I2I2c4c4c4c4c16c64c128", data, 5)
  local found, order = {}, {}
  read_options(data, 241, #data, found, order)
  local overload = found[52] and string.byte(found[52]) or 0
  if overload & 1 == 1 then
    read_options(data, 109, 236, found, order)
  end
  if overload & 2 == 2 then
    read_options(data, 45, 108, found, order)
  end
  local result = {
    xid = xid, secs = secs, flags = flags, ciaddr_str = ipOps.str_to_ip(ciaddr),
    yiaddr_str = ipOps.str_to_ip(yiaddr), siaddr_str = ipOps.str_to_ip(siaddr),
    giaddr_str = ipOps.str_to_ip(giaddr), chaddr = string.sub(chaddr, 1, math.min(hlen, 16)),
    sname = text(sname), file = text(file), options = {},
  }
  for _, code in ipairs(order) do
    local action = M.actions[code]
    local value = action and action[2](found[code])
    if value ~= nil and value ~= false then
      table.insert(result.options, { name = action[1], value = value, number = code })
    end
  end
  return true, result
end

--- Sends a request and takes its answer: `true, table` as dhcp_parse gives it, or `false, reason`.
-- It is bound to port 68 where that may be done: servers send their answers there.
function M.make_request(target, request_type, ip_address, mac_address, options, request_options,
  overrides, lease_time)
  local xid = overrides and overrides.xid or rand.random_string(4)
  local status, packet = M.dhcp_build(request_type, ip_address, mac_address, options,
    request_options, overrides, lease_time, xid)
  if not status then
    return false, packet
  end
  local socket = nmap.new_socket("udp")
  socket:bind(nil, 68)
  socket:set_timeout(5000)
  local reply
  status, reply = socket:sendto(target, { number = 67, protocol = "udp" }, packet)
  for _ = 1, 16 do
    if not status then
      break
    end
    status, reply = socket:receive()
    local parsed, result = M.dhcp_parse(status and reply or "", xid)
    if parsed then
      socket:close()
      return true, result
    end
  end
  socket:close()
  return false, tostring(reply)
end

--- An answer as an output table: names of options with their values, lists with commas.
function M.table_of(result, output)
  output = output or stdnse.output_table()
  for _, option in ipairs(result.options) do
    output[option.name] = type(option.value) == "table" and table.concat(option.value, ", ")
      or option.value
  end
  return output
end

return M
