--- IPv4 and IPv6 addresses: text, binary and numeric forms, ranges, comparison (RFC 4291, RFC
-- 5952).
--
-- Functions that are given something that is no address return nil and a message.

local ipairs, math, string, table = ipairs, math, string, table
local select, tonumber, tostring, type = select, tonumber, tostring, type
local stringaux = require "stringaux"

local M = {}

local function no_address(text)
  return nil, "'" .. tostring(text) .. "' is no IP address"
end

-- Binary forms ------------------------------------------------------------------------------------

-- "1.2.3.4" -> four bytes, or nil. Of short forms the parts that lack are zero: "10.1" is 10.1.0.0.
local function v4_to_binary(text)
  local octets = stringaux.strsplit("%.", string.gsub(text, "%.$", ""))
  if #octets > 4 then
    return nil
  end
  for i = 1, 4 do
    local octet = string.match(octets[i] or "0", "^%d+$")
    octets[i] = octet and tonumber(octet)
    if not octet or octets[i] > 255 then
      return nil
    end
  end
  return string.char(table.unpack(octets))
end

-- Groups of one side of "::" -> bytes, or nil. The last may be an IPv4 address.
local function groups_to_binary(text)
  if text == "" then
    return ""
  end
  local out = {}
  local groups = stringaux.strsplit(":", text)
  for i, group in ipairs(groups) do
    local v4 = i == #groups and string.find(group, "%..+%..+%.") and v4_to_binary(group)
    if v4 then
      out[i] = v4
    elseif string.find(group, "^%x%x?%x?%x?$") then
      out[i] = string.pack(">I2", tonumber(group, 16))
    else
      return nil
    end
  end
  return table.concat(out)
end

local function v6_to_binary(text)
  text = string.gsub(text, "%%.*$", "")
  local left, right = string.match(text, "^(.-)::(.*)$")
  if not left then
    local bytes = groups_to_binary(text)
    return bytes and #bytes == 16 and bytes or nil
  end
  left, right = groups_to_binary(left), groups_to_binary(right)
  if not left or not right or #left + #right > 14 then
    return nil
  end
  return left .. string.rep("\0", 16 - #left - #right) .. right
end

--- The four or sixteen bytes of an address. nil, message when it is none.
function M.ip_to_str(ip, family)
  if type(ip) ~= "string" then
    return nil, "an address is a text"
  end
  local bytes = family ~= "inet6" and v4_to_binary(ip) or family ~= "inet" and v6_to_binary(ip)
    or nil
  if not bytes and family == "inet6" then
    local v4 = v4_to_binary(ip)
    bytes = v4 and string.rep("\0", 10) .. "\xff\xff" .. v4
  end
  if not bytes then
    return no_address(ip)
  end
  return bytes
end

-- A network's address may be short: "2001:db8/32" is 2001:db8::/32.
local function filled(ip)
  local colons = select(2, string.gsub(ip, ":", ""))
  return colons > 0 and colons < 7 and not string.find(ip, "::", 1, true) and ip .. "::" or ip
end

-- The first longest run of at least two zero groups: first, last (RFC 5952, section 4.2).
local function longest_zeros(groups)
  local best_from, best_n, from, n = nil, 1, nil, 0
  for i = 1, 8 do
    if groups[i] == 0 then
      from, n = from or i, n + 1
      if n > best_n then
        best_from, best_n = from, n
      end
    else
      from, n = nil, 0
    end
  end
  return best_from, best_from and best_from + best_n - 1
end

local function v6_text(bytes)
  local groups = { string.unpack(">I2I2I2I2I2I2I2I2", bytes) }
  local from, to = longest_zeros(groups)
  local function join(a, b)
    local out = {}
    for i = a, b do
      out[#out + 1] = string.format("%x", groups[i])
    end
    return table.concat(out, ":")
  end
  if not from then
    return join(1, 8)
  end
  return join(1, from - 1) .. "::" .. join(to + 1, 8)
end

--- The text of an address of four or sixteen bytes. nil, message for another length.
function M.str_to_ip(bytes)
  if type(bytes) == "string" and #bytes == 4 then
    return string.format("%d.%d.%d.%d", string.byte(bytes, 1, 4))
  elseif type(bytes) == "string" and #bytes == 16 then
    return v6_text(bytes)
  end
  return nil, "an address has 4 or 16 bytes"
end

--- An IPv4 address as an integer. nil, message otherwise.
function M.todword(ip)
  local bytes = type(ip) == "string" and v4_to_binary(ip)
  if not bytes then
    return nil, "an IPv4 address was expected"
  end
  return (string.unpack(">I4", bytes))
end

--- The IPv4 address of an integer.
function M.fromdword(ip)
  if type(ip) ~= "number" then
    return nil, "a number of 32 bits was expected"
  end
  return M.str_to_ip(string.pack(">I4", math.tointeger(ip) or math.floor(ip)))
end

--- The parts of an address as numbers: four of IPv4, eight of IPv6. nil, message otherwise.
function M.get_parts_as_number(ip)
  local bytes, message = M.ip_to_str(ip)
  if not bytes then
    return nil, message
  elseif #bytes == 4 then
    return { string.byte(bytes, 1, 4) }
  end
  local parts = { string.unpack(">I2I2I2I2I2I2I2I2", bytes) }
  parts[9] = nil
  return parts
end

local function bits_of(bytes)
  return (string.gsub(bytes, ".", function(c)
    local n, out = string.byte(c), {}
    for shift = 7, 0, -1 do
      out[#out + 1] = n >> shift & 1
    end
    return table.concat(out)
  end))
end

--- The bits of an address as a text of 32 or 128 ones and zeros.
function M.ip_to_bin(ip)
  local bytes, message = M.ip_to_str(ip)
  if not bytes then
    return nil, message
  end
  return bits_of(bytes)
end

--- The address of a text of 32 or 128 ones and zeros.
function M.bin_to_ip(binstring)
  if type(binstring) ~= "string" or string.find(binstring, "[^01]") then
    return nil, "a text of ones and zeros was expected"
  elseif #binstring ~= 32 and #binstring ~= 128 then
    return nil, "32 or 128 ones and zeros were expected"
  end
  return M.str_to_ip((string.gsub(binstring, "........", function(octet)
    return string.char(tonumber(octet, 2))
  end)))
end

--- A hex text as a text of ones and zeros, four for each digit. false, message for another text.
function M.hex_to_bin(hex)
  if type(hex) ~= "string" or string.find(hex, "%X") then
    return false, "a hexadecimal number was expected"
  end
  local out = {}
  for digit in string.gmatch(hex, ".") do
    local n = tonumber(digit, 16)
    out[#out + 1] = string.format("%d%d%d%d", n >> 3, n >> 2 & 1, n >> 1 & 1, n & 1)
  end
  return table.concat(out)
end

-- Text forms --------------------------------------------------------------------------------------

local function long_form(bytes)
  if #bytes == 4 then
    return M.str_to_ip(bytes)
  end
  return string.format("%x:%x:%x:%x:%x:%x:%x:%x", string.unpack(">I2I2I2I2I2I2I2I2", bytes))
end

--- The long form of an address: IPv6 with eight groups, IPv4 with four parts (short forms such as
-- "10.1" are filled up with zeros). With `family` "inet6" an IPv4 address becomes the IPv6 address
-- that maps it. nil, message when it is none, or when an IPv6 address should become IPv4 (any other
-- `family`).
function M.expand_ip(ip, family)
  local bytes, message = M.ip_to_str(ip, family)
  if not bytes then
    return nil, message
  elseif family and family ~= "inet6" and #bytes ~= 4 then
    return nil, "an IPv6 address is no IPv4 address"
  end
  return long_form(bytes)
end

-- Comparison and ranges ---------------------------------------------------------------------------

local operators = {
  eq = function(a, b) return a == b end,
  ne = function(a, b) return a ~= b end,
  lt = function(a, b) return a < b end,
  le = function(a, b) return a <= b end,
  gt = function(a, b) return a > b end,
  ge = function(a, b) return a >= b end,
}

-- Comparing bytes must not follow the locale, so they are compared as hex.
local function sortable(bytes)
  return (string.gsub(bytes, ".", function(c)
    return string.format("%02x", string.byte(c))
  end))
end

--- `left op right` with op "eq", "ne", "lt", "le", "gt" or "ge". IPv4 comes before IPv6.
-- nil, message for what is no address or no operator.
function M.compare_ip(left, op, right)
  local compare = operators[op]
  if not compare then
    return nil, "no such operator: " .. tostring(op)
  end
  local a, message = M.ip_to_str(left)
  if not a then
    return nil, message
  end
  local b
  b, message = M.ip_to_str(right)
  if not b then
    return nil, message
  end
  if #a ~= #b then
    return compare(#a, #b)
  end
  return compare(sortable(a), sortable(b))
end

--- Sorts an array of addresses in place. `op`: "lt" or nil for ascending, "gt" for descending, or a
-- function.
function M.ip_sort(ips, op)
  op = op or "lt"
  local before = type(op) == "function" and op or function(a, b)
    return M.compare_ip(a, op, b)
  end
  return table.sort(ips, before)
end

-- The first `prefix` bits of bytes, the rest filled with `fill` (0 or 0xff).
local function fill_after(bytes, prefix, fill)
  return (string.gsub(bytes, "()(.)", function(at, c)
    local keep = math.max(0, math.min(8, prefix - (at - 1) * 8))
    local mask = 0xff << (8 - keep) & 0xff
    return string.char(string.byte(c) & mask | fill & ~mask & 0xff)
  end))
end

local function network_edge(ip, prefix, fill)
  local bytes, message = M.ip_to_str(ip)
  prefix = tonumber(prefix)
  if not bytes then
    return nil, message
  elseif not prefix or prefix < 0 or prefix > #bytes * 8 then
    return nil, "no such prefix length"
  end
  return long_form(fill_after(bytes, prefix, fill))
end

--- The first address of the network that `ip` is in, of `prefix` bits.
function M.get_first_ip(ip, prefix)
  return network_edge(ip, prefix, 0)
end

--- The last address of that network.
function M.get_last_ip(ip, prefix)
  return network_edge(ip, prefix, 0xff)
end

--- The first and the last address of that network.
function M.get_first_last_ip(ip, prefix)
  local first, message = network_edge(ip, prefix, 0)
  if not first then
    return nil, message
  end
  return first, (network_edge(ip, prefix, 0xff))
end

--- The first and last address of a range: `1.2.3.4-1.2.3.9`, `1.2.3.4 - 1.2.3.9`, `10.0.0.0/8`,
-- `10/8`, `2001:db8/32`, one address. nil, nil, message for anything else.
function M.get_ips_from_range(range)
  if type(range) ~= "string" then
    return nil, nil, "a range is a text"
  end
  local from, to = string.match(stringaux.trim(range), "^([^%s-]*)%s*%-%s*(%S+)$")
  local ip, prefix = string.match(range, "^%s*([%x:.]+)/(%d+)%s*$")
  local first, last, message
  if from then
    first, message = M.expand_ip(from)
    last = first and M.expand_ip(to)
  elseif ip then
    local full = M.expand_ip(filled(ip))
    if full then
      first, last = M.get_first_last_ip(full, prefix)
    end
  else
    first, message = M.expand_ip((string.match(range, "^%s*(.-)%s*$")))
    last = first
  end
  if not first or not last then
    return nil, nil, message
      or "that is no range of addresses"
  elseif #M.ip_to_str(first) ~= #M.ip_to_str(last) then
    return nil, nil, "a range is of IPv4 or of IPv6 addresses, not from one to the other"
  end
  return first, last
end

--- Is `ip` inside the range (see `get_ips_from_range`)? nil, message for what is no range or no
-- address.
function M.ip_in_range(ip, range)
  local first, last, message = M.get_ips_from_range(range)
  if not first then
    return nil, message
  end
  local family = M.ip_to_str(ip)
  if not family then
    return no_address(ip)
  elseif #family ~= #M.ip_to_str(first) then
    return false
  end
  return M.compare_ip(ip, "ge", first) and M.compare_ip(ip, "le", last)
end

-- RFC 1918, 1122, 3927, 6598, 5737, 2544, 4193, 4291, 3849 and the IANA special-purpose registries.
local private_ranges = {
  "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
  "224.0.0.0/24",
  "240.0.0.0/4", "::/127", "100::/64", "2001:db8::/32", "fc00::/7", "fe80::/10", "fec0::/10",
  "ff00::/8",
}

--- Is the address of a kind that is not routed on the Internet? With it the range that it is in.
function M.isPrivate(ip)
  local bytes, message = M.ip_to_str(ip)
  if not bytes then
    return nil, message
  end
  for _, range in ipairs(private_ranges) do
    if M.ip_in_range(ip, range) then
      return true, range
    end
  end
  return false
end

--- The netmask of a prefix length or of `ip/prefix`: "/24" -> "255.255.255.0".
function M.cidr_to_subnet(cidr)
  local prefix = tonumber(string.match(tostring(cidr), "%f[%d](%d+)$"))
  if not prefix or prefix > 32 then
    return nil, "a prefix length was expected"
  end
  return M.str_to_ip(fill_after("\xff\xff\xff\xff", prefix, 0))
end

--- The prefix length of a netmask: "255.255.255.0" -> "/24".
function M.subnet_to_cidr(subnet)
  local bits, message = M.ip_to_bin(subnet)
  if not bits then
    return nil, message
  end
  return "/" .. #string.match(bits, "^1*")
end

return M
