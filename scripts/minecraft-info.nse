description = [[
Shows what a Minecraft server (Java Edition) tells clients that list servers: version, how many it
lets in, its own words.
]]
---
-- A handshake for the state "status" and the request for it (Minecraft's protocol, "Server List Ping").
--
-- @output
-- | minecraft-info:
-- |   Version: Paper 1.20.4
-- |   Protocol: 765
-- |   Max players: 20
-- |_  Description: A Minecraft Server

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "safe" }

identity = {}
volatile = {}

local asker = require "asker"
local greeting = require "greeting"
local api = require "http.api"
local drain = require "drain"
local json = require "json"
local shortport = require "shortport"
local stdnse = require "stdnse"
local stringaux = require "stringaux"

portrule = shortport.port_or_service(25565, "minecraft", "tcp")

local answer_max, depth_max = 262144, 8

-- Seven bits a byte, the lowest first.
local function varint(n)
  local out = {}
  repeat
    local low = n & 0x7f
    n = n >> 7
    out[#out + 1] = string.char(n > 0 and low | 0x80 or low)
  until n == 0
  return table.concat(out)
end

-- The number at a position and the position after it, or nil.
local function read_varint(text, at)
  local n = 0
  for i = 0, 4 do
    local byte = text:byte(at + i)
    if not byte then
      return nil
    end
    n = n | (byte & 0x7f) << 7 * i
    if byte < 0x80 then
      return n, at + i + 1
    end
  end
end

local function packet(text)
  return varint(#text) .. text
end

-- Version -1 of the protocol: that of no client, as those say who only want to know.
local function question(host, port)
  local name = stdnse.get_hostname(host)
  return packet("\0" .. varint(0xffffffff) .. packet(name) .. string.pack(">I2", port.number) .. "\1")
    .. packet("\0")
end

-- The JSON of an answer that is whole.
local function status_of(text)
  local length, at = read_varint(text, 1)
  if not length or length > answer_max or #text < at - 1 + length or text:byte(at) ~= 0 then
    return nil
  end
  local size, from = read_varint(text, at + 1)
  return size and text:sub(from, from + size - 1)
end

-- A text of the game as it is read: its parts joined, without what colours them.
local function plain(value, depth)
  if type(value) == "string" then
    return (value:gsub("\xc2\xa7.", ""))
  elseif type(value) ~= "table" or depth > depth_max then
    return ""
  end
  local parts = { plain(value.text, depth + 1) }
  for _, part in ipairs(type(value.extra) == "table" and value.extra or value) do
    parts[#parts + 1] = plain(part, depth + 1)
  end
  return table.concat(parts)
end

function action(host, port)
  local text, reason = drain.all(host, port, question(host, port), { bytes_max = answer_max,
    last = function(so_far)
      return status_of(so_far) ~= nil
    end })
  local ok, status = json.parse(status_of(text or "") or "")
  local output = ok and api.pick(status, { { "Version", "version", "name" },
    { "Protocol", "version", "protocol" }, { "Max players", "players", "max" } })
  if not output or not output.Version then
    return asker.unanswered(port, { "minecraft", plain = true }, reason)
  end
  local words = stringaux.trim((plain(status.description, 1):gsub("%s+", " ")))
  output.Description = words ~= "" and words or nil
  greeting.store(host, port, { name = "minecraft", product = "Minecraft", cpe = {},
    version = tostring(output.Version) })
  return output
end
