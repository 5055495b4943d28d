description = [[
Shows what an AFP file server (Macs, Netatalk, many NAS) tells before a login: name, machine type,
versions, ways to log in, addresses, and the signature that stays with the machine.
]]
---
-- @output
-- | afp-serverinfo:
-- |   Server Flags:
-- |     Flags hex: 0x8ffb
-- |     Super Client: true
-- |   Server Name: nas
-- |   Machine Type: Netatalk3.1.12
-- |   AFP Versions: AFP3.3, AFP3.4
-- |   UAMs: DHX2
-- |   Server Signature: 4d757374657221000102030405060708
-- |   Network Addresses:
-- |     192.0.2.14
-- |_  UTF8 Server Name: nas

author = "Muster"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

identity = { "Server Signature" }
volatile = { "Network Addresses" }

local asker = require "asker"
local ipOps = require "ipOps"
local match = require "match"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.port_or_service(548, "afp")

local reply_max, list_max = 16384, 32

-- Flags of FPGetSrvrInfo (Apple Filing Protocol Reference), in the order in which they are shown.
local flag_names = {
  { "Super Client", 15 }, { "UUIDs", 10 }, { "UTF8 Server Name", 9 }, { "Open Directory", 8 },
  { "Reconnect", 7 }, { "Server Notifications", 6 }, { "TCP/IP", 5 }, { "Server Signature", 4 },
  { "Server Messages", 3 }, { "Password Saving Prohibited", 2 }, { "Password Changing", 1 },
  { "Copy File", 0 },
}

-- DSIGetStatus (command 3); the answer's data, or nil and the reason.
local function get_status(host, port)
  local socket = nmap.new_socket()
  socket:set_timeout(5000)
  local status, head = socket:connect(host, port)
  if status then
    socket:send(string.pack(">BBI2I4I4I4", 0, 3, 1, 0, 0, 0))
    status, head = socket:receive_buf(match.numbytes(16), true)
  end
  local data = not status and head or nil
  if status then
    local flags, command, _, code, length = string.unpack(">BBI2i4I4", head)
    if flags == 1 and command == 3 and code == 0 and length >= 12 and length <= reply_max then
      status, data = socket:receive_buf(match.numbytes(length), true)
    end
  end
  socket:close()
  return status and data or nil, data
end

local function number_at(data, at, format)
  return at >= 1 and at + string.packsize(format) - 1 <= #data
    and (string.unpack(format, data, at)) or nil
end

local function clean(text)
  return (text:gsub("%c", "."))
end

-- A text with its length as one byte; nil when it is cut.
local function pascal_at(data, at)
  local length = number_at(data, at, ">B")
  if not length or at + length > #data then
    return nil
  end
  return clean(data:sub(at + 1, at + length)), at + 1 + length
end

-- What stands behind an offset of the data, counted from 0; 0 means there is none.
local function behind(data, at)
  local offset = number_at(data, at, ">I2")
  return offset and offset > 0 and offset < #data and offset + 1 or nil
end

local function texts_at(data, at)
  local out = {}
  local count = at and number_at(data, at, ">B") or 0
  local text
  at = at and at + 1
  for _ = 1, math.min(count, list_max) do
    text, at = pascal_at(data, at)
    if not text then
      break
    end
    out[#out + 1] = text
  end
  return out
end

-- Addresses by their tag: with and without a port, names.
local address_readers = {
  [1] = function(bytes)
    return #bytes == 4 and ipOps.str_to_ip(bytes)
  end,
  [2] = function(bytes)
    return #bytes == 6 and ipOps.str_to_ip(bytes:sub(1, 4)) .. ":" .. string.unpack(">I2", bytes, 5)
  end,
  [4] = clean,
  [6] = function(bytes)
    return #bytes == 16 and ipOps.str_to_ip(bytes)
  end,
  [7] = function(bytes)
    return #bytes == 18 and "[" .. ipOps.str_to_ip(bytes:sub(1, 16)) .. "]:"
      .. string.unpack(">I2", bytes, 17)
  end,
}

local function addresses_at(data, at)
  local out = {}
  local count = at and number_at(data, at, ">B") or 0
  at = at and at + 1
  for _ = 1, math.min(count, list_max) do
    local length, tag = number_at(data, at, ">B"), number_at(data, at + 1, ">B")
    if not tag or length < 2 or at + length - 1 > #data then
      break
    end
    local reader = address_readers[tag]
    out[#out + 1] = reader and reader(data:sub(at + 2, at + length - 1)) or nil
    at = at + length
  end
  return out
end

local function flags_table(value)
  local out = stdnse.output_table()
  out["Flags hex"] = ("0x%04x"):format(value)
  for _, flag in ipairs(flag_names) do
    out[flag[1]] = value >> flag[2] & 1 == 1
  end
  return out
end

-- The parts behind the server's name: signature, addresses, directories, the name in UTF-8.
local function add_later_parts(output, data, at, flags)
  local signature = behind(data, at)
  if flags >> 4 & 1 == 1 and signature and signature + 15 <= #data then
    output["Server Signature"] = stdnse.tohex(data:sub(signature, signature + 15))
  end
  local addresses = flags >> 5 & 1 == 1 and addresses_at(data, behind(data, at + 2)) or {}
  output["Network Addresses"] = #addresses > 0 and addresses or nil
  local directories = flags >> 8 & 1 == 1 and texts_at(data, behind(data, at + 4)) or {}
  output["Directory Names"] = #directories > 0 and directories or nil
  local name = flags >> 9 & 1 == 1 and behind(data, at + 6)
  local length = name and number_at(data, name, ">I2")
  if length and name + 1 + length <= #data then
    output["UTF8 Server Name"] = clean(data:sub(name + 2, name + 1 + length))
  end
end

function action(host, port)
  local data, reason = get_status(host, port)
  local flags = data and number_at(data, 9, ">I2")
  local name, at = nil, nil
  if flags then
    name, at = pascal_at(data, 11)
  end
  if not name then
    return asker.unanswered(port, { "afp" }, reason)
  end
  local output = stdnse.output_table()
  output["Server Flags"] = flags_table(flags)
  output["Server Name"] = name
  local machine = behind(data, 1)
  output["Machine Type"] = machine and (pascal_at(data, machine)) or nil
  output["AFP Versions"] = table.concat(texts_at(data, behind(data, 3)), ", ")
  output.UAMs = table.concat(texts_at(data, behind(data, 5)), ", ")
  -- the offsets after the name begin at an even place
  add_later_parts(output, data, at + (at - 1) % 2, flags)
  port.version.name, port.version.product = "afp", output["Machine Type"]
  nmap.set_port_version(host, port, "softmatched")
  return output
end
