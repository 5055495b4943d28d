description = [[
Shows which version of the Bolt protocol a graph database (Neo4j, Memgraph) speaks and, from Bolt 5.1
on, which server it is.
]]
---
-- The handshake of the protocol, and HELLO where that tells no more than who asks: until Bolt 5.0 it
-- logs in (Neo4j's Bolt protocol documentation, "Handshake", "HELLO").
--
-- @output
-- | bolt-info:
-- |   Protocol: 5.4
-- |_  Server: Neo4j/5.13.0

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "safe" }

identity = {}
volatile = {}

local asker = require "asker"
local comm = require "comm"
local greeting = require "greeting"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.port_or_service(7687, "bolt", "tcp")

-- Four offers of "how many versions below", minor, major: 5.8 to 5.1, 4.4 to 4.1, 4.0, 3.0.
local handshake = "\x60\x60\xb0\x17\0\7\8\5\0\3\4\4\0\0\0\4\0\0\0\3"
local answer_max = 65536

-- A short text of PackStream.
local function text_of(text)
  return string.char(0x80 + #text) .. text
end

-- HELLO as a message of one chunk: { user_agent, bolt_agent: { product } }.
local function hello()
  local extra = "\xa2" .. text_of("user_agent") .. text_of("muster/1") .. text_of("bolt_agent")
    .. "\xa1" .. text_of("product") .. text_of("muster/1")
  return string.pack(">s2", "\xb1\x01" .. extra) .. "\0\0"
end

-- The message of an answer once all its chunks are there.
local function message_of(text)
  local parts, at = {}, 1
  while at + 1 <= #text do
    local length = string.unpack(">I2", text, at)
    if length == 0 and #parts > 0 then
      return table.concat(parts)
    elseif at + 1 + length > #text then
      return nil
    elseif length > 0 then
      parts[#parts + 1] = text:sub(at + 2, at + 1 + length)
    end
    at = at + 2 + length
  end
end

-- The member "server" of a SUCCESS.
local function server_of(message)
  local at = message:find("^\xb1\x70") and select(2, message:find("\x86server", 1, true))
  local marker = at and message:byte(at + 1) or 0
  if marker >= 0x80 and marker <= 0x8f then
    return message:sub(at + 2, at + 1 + (marker & 0x0f))
  elseif marker == 0xd0 and #message > at + 1 then
    return message:sub(at + 3, at + 2 + message:byte(at + 2))
  end
end

local function ask_server(socket)
  local text, status, piece = "", socket:send(hello())
  while status and #text < answer_max do
    local message = message_of(text)
    if message then
      return server_of(message)
    end
    status, piece = socket:receive()
    text = text .. (status and piece or "")
  end
  asker.broken_off(piece)
end

function action(host, port)
  local socket, answer, protocol = comm.tryssl(host, port, handshake, { bytes = 4, timeout = 5000 })
  if not socket then
    return asker.unanswered(port, { "bolt" }, answer)
  end
  local minor, major = answer:byte(3, 4)
  local is_bolt = #answer == 4 and answer:find("^%z%z") and major >= 3 and major <= 5
  if not is_bolt then
    socket:close()
    return nil
  end
  local output = stdnse.output_table()
  output.Protocol = ("%d.%d"):format(major, minor)
  if major == 5 and minor >= 1 then
    output.Server = ask_server(socket)
  end
  output.TLS = protocol == "ssl"
  socket:close()
  local version = (output.Server or ""):match("^Neo4j/([%d.]+)$")
  greeting.store(host, port, { name = "bolt", product = version and "Neo4j", version = version,
    cpe = version and { "cpe:/a:neo4j:neo4j:" .. version } or {} }, protocol == "ssl")
  return output
end
