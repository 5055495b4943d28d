--- NetBIOS names over UDP (RFC 1001, RFC 1002): status of a node, queries for names.
--
-- A name of a node: { name =, suffix = number, flags = number }.

local dns, ipairs, nmap, stdnse = require "dns", ipairs, require "nmap", require "stdnse"
local stringaux = require "stringaux"
local math, string, table, type = math, string, table, type

local M = {}

M.types = { NB = 32, NBSTAT = 33 }

local names_max = 256

--- The encoded form of a name (RFC 1001, section 14.1), with an optional scope "a.b". The name "*"
-- is filled up with zeros, the others with blanks.
function M.name_encode(name, scope)
  local fill = name == "*" and "\0" or " "
  local padded = string.sub(string.upper(name) .. string.rep(fill, 16), 1, 16)
  local encoded = string.gsub(padded, ".", function(c)
    local byte = string.byte(c)
    return string.char(0x41 + (byte >> 4), 0x41 + (byte & 15))
  end)
  local out = { string.pack("s1", encoded) }
  for label in string.gmatch(scope or "", "[^.]+") do
    out[#out + 1] = string.pack("s1", label)
  end
  return table.concat(out)
end

--- The name and the scope of an encoded name, without the blanks that fill it up.
function M.name_decode(encoded_name)
  local length = string.byte(encoded_name) or 0
  local name = string.gsub(string.sub(encoded_name, 2, 1 + length), "(.)(.)", function(high, low)
    return string.char((string.byte(high) - 0x41) << 4 & 0xf0 | (string.byte(low) - 0x41) & 15)
  end)
  local labels, at = {}, 2 + length
  while at <= #encoded_name do
    local n = string.byte(encoded_name, at)
    if n == 0 or at + n > #encoded_name then
      break
    end
    labels[#labels + 1] = string.sub(encoded_name, at + 1, at + n)
    at = at + 1 + n
  end
  return stringaux.trim_end(name, "[ %z]"), table.concat(labels, ".")
end

-- The answer to a node status request: names and statistics, or nil.
local function parse_status(data)
  if #data < 57 then
    return nil
  end
  -- header, name, type, class, ttl, length, number of names
  local at = 13 + 1 + string.byte(data, 13) + 1
  if #data < at + 10 then
    return nil
  end
  local kind, _, _, length, n
  kind, _, _, length, n, at = string.unpack(">I2I2I4I2B", data, at)
  if kind ~= M.types.NBSTAT then
    return nil
  end
  local names, last = {}, at + length - 2
  for _ = 1, math.min(n, names_max) do
    if at + 17 > #data then
      break
    end
    local name, suffix, flags
    name, suffix, flags, at = string.unpack(">c15BI2", data, at)
    names[#names + 1] = { name = stringaux.trim_end(name, "[ %z]"), suffix = suffix, flags = flags }
  end
  return names, string.sub(data, at, math.max(last, at + 5))
end

--- Asks a node for its names: `true, names, statistics` (bytes; the first six are the hardware
-- address) or `false, reason`. The answer is kept for the run.
function M.do_nbstat(host)
  local address = type(host) == "table" and host.ip or host
  local kept = nmap.registry.netbios_status or {}
  nmap.registry.netbios_status = kept
  if kept[address] then
    return true, kept[address].names, kept[address].statistics
  end
  local question = string.pack(">I2I2I2I2I2I2", 0x1337, 0, 1, 0, 0, 0) .. M.name_encode("*") .. "\0"
    .. string.pack(">I2I2", M.types.NBSTAT, 1)
  local socket = nmap.new_socket("udp")
  socket:set_timeout(stdnse.get_timeout(type(host) == "table" and host or nil, 2000))
  local status, reply
  for _ = 1, 2 do
    status, reply = socket:sendto(host, 137, question)
    if status then
      status, reply = socket:receive()
    end
    if status then
      break
    end
  end
  socket:close()
  if not status then
    return false, reply
  end
  local names, statistics = parse_status(reply)
  if not names then
    return false, "no answer of a NetBIOS node"
  end
  kept[address] = { names = names, statistics = statistics }
  return true, names, statistics
end

local function names_of(host, names)
  if names then
    return true, names
  end
  return M.do_nbstat(host)
end

-- The first name with a suffix that is a group or is none.
local function find(host, names, suffix, group)
  local status, list = names_of(host, names)
  if not status then
    return false, list
  end
  for _, entry in ipairs(list) do
    if entry.suffix == suffix and (entry.flags & 0x8000 ~= 0) == group then
      return true, entry.name
    end
  end
  return true, nil
end

--- The name of the server service (suffix 20), of the workstation service (00), of the user who is
-- logged in (03, when it is not the computer's): `true, name` (nil when there is none), or `false,
-- reason`.
function M.get_server_name(host, names)
  return find(host, names, 0x20, false)
end
function M.get_workstation_name(host, names)
  return find(host, names, 0x00, false)
end
function M.get_user_name(host, names)
  local status, list = names_of(host, names)
  if not status then
    return false, list
  end
  local _, server = M.get_server_name(host, list)
  for _, entry in ipairs(list) do
    if entry.suffix == 0x03 and entry.flags & 0x8000 == 0 and entry.name ~= server
      and entry.name ~= (server or "") .. "$" then
      return true, entry.name
    end
  end
  return true, nil
end

--- The text of a node's names, a line each behind `prefix`: `true, text` or `false, reason`.
function M.get_names(host, prefix)
  local status, list = M.do_nbstat(host)
  if not status then
    return false, list
  end
  local lines = {}
  for _, entry in ipairs(list) do
    lines[#lines + 1] = string.format("%s%s<%02x>", prefix or "", entry.name, entry.suffix)
  end
  return true, table.concat(lines, "\n") .. "\n"
end

--- The flags of a name as text: "<unique><active>".
function M.flags_to_string(flags)
  local out = { flags & 0x8000 ~= 0 and "<group>" or "<unique>" }
  for _, item in ipairs({ { 0x1000, "<deregister>" }, { 0x0800, "<conflict>" }, { 0x0400,
    "<active>" },
    { 0x0200, "<permanent>" } }) do
    if flags & item[1] ~= 0 then
      out[#out + 1] = item[2]
    end
  end
  return table.concat(out)
end

--- Asks for a name: `true, answers` ({ data = bytes, name, peer }) or `false, reason`. `options`:
-- timeout, multiple.
function M.nbquery(host, nbname, options)
  options = options or {}
  local socket = nmap.new_socket("udp")
  socket:set_timeout(options.timeout or 2000)
  local question = string.pack(">I2I2I2I2I2I2", 0x1338, options.multiple and 0x0110 or 0x0100, 1, 0,
    0, 0)
    .. M.name_encode(nbname) .. "\0" .. string.pack(">I2I2", M.types.NB, 1)
  local status, reason = socket:sendto(host, 137, question)
  local answers = {}
  for _ = 1, status and (options.multiple and 100 or 1) or 0 do
    local data
    status, data = socket:receive()
    if not status then
      reason = data
      break
    end
    local packet = dns.decode(data)
    local record = packet and packet.answers[1]
    if record then
      local known, _, _, peer = socket:get_info()
      answers[#answers + 1] = {
        data = record.data, name = M.name_decode(string.char(#record.dname) .. record.dname),
        peer = known and peer or nil,
      }
    end
  end
  socket:close()
  if #answers == 0 then
    return false, reason or "no answer"
  end
  return true, answers
end

return M
