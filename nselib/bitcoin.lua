--- The peer-to-peer protocol of Bitcoin and its kin: version handshake, known addresses, messages.
--
--     local bc = bitcoin.Helper:new(host, port)
--     local status = bc:connect()
--     local status, version = bc:exchVersion()
--     local status, nodes = bc:getNodes()
--
-- Source: the protocol documentation of the Bitcoin wiki ("Protocol documentation", "Common
-- structures").

local ipairs, ipOps, match, math = ipairs, require "ipOps", require "match", math
local nmap, os, pcall, rand = require "nmap", os, pcall, require "rand"
local select, setmetatable, stdnse = select, setmetatable, require "stdnse"
local string, tostring, type = string, tostring, type
local has_openssl, openssl = pcall(require, "openssl")

local M = {}

local timeout_default = 10000
local message_max = 4 * 1024 * 1024
local addresses_max = 10000
local magic_main = 0xd9b4bef9
local our_version = 40000

-- Structures --------------------------------------------------------------------------------------

M.Util = {}

--- Bytes of a variable-length integer whose first byte is not its value.
M.Util.varIntLen = { [0xfd] = 2, [0xfe] = 4, [0xff] = 8 }

--- Decodes a variable-length integer: position after it, number. nil when it is cut short.
function M.Util.decodeVarInt(data, pos)
  local first = string.byte(data, pos)
  local n = first and M.Util.varIntLen[first]
  if not n then
    return first and pos + 1, first
  elseif pos + n > #data then
    return nil
  end
  local value = string.unpack("<I" .. n, data, pos + 1)
  return pos + 1 + n, value
end

--- Decodes a string with its length in front: position after it, text. nil when it is cut short.
function M.Util.decodeVarString(data, pos)
  local length
  pos, length = M.Util.decodeVarInt(data, pos)
  if not pos or length < 0 or length > #data - pos + 1 then
    return nil
  end
  return pos + length, string.sub(data, pos, pos + length - 1)
end

--- An address of a node: `host` (text), `port`, `service` (bits). `tostring` gives its 26 bytes.
M.NetworkAddress = {}
M.NetworkAddress.__index = M.NetworkAddress

function M.NetworkAddress:new(host, port)
  return setmetatable({
    host = type(host) == "table" and host.ip or host,
    port = type(port) == "table" and port.number or port,
    service = 1,
  }, self)
end

--- The address in the first 26 bytes of `data`, or nil.
function M.NetworkAddress.fromString(data)
  if #data < 26 then
    return nil
  end
  local service, address, port = string.unpack("<I8c16>I2", data)
  local v4 = string.match(address, "^\0\0\0\0\0\0\0\0\0\0\xff\xff(....)$")
  local result = M.NetworkAddress:new(ipOps.str_to_ip(v4 or address), port)
  result.service = service
  return result
end

function M.NetworkAddress:__tostring()
  local address = ipOps.ip_to_str(self.host, "inet6") or string.rep("\0", 16)
  return string.pack("<I8", self.service) .. address .. string.pack(">I2", self.port)
end

-- Messages ----------------------------------------------------------------------------------------

-- The first four bytes of the double SHA-256; messages from before 2012 have none.
local function checksum(payload)
  return string.sub(openssl.digest("sha256", openssl.digest("sha256", payload)), 1, 4)
end

local function message(command, payload)
  local sum = has_openssl and checksum(payload) or "\0\0\0\0"
  return string.pack("<I4c12I4", magic_main, command, #payload) .. sum .. payload
end

--- Messages that we send; `tostring` gives their bytes.
M.Request = {}

local function request_class(fields, render)
  local class = { __tostring = render }
  class.__index = class
  function class:new(...)
    local o = setmetatable({}, self)
    for i, name in ipairs(fields) do
      o[name] = (select(i, ...))
    end
    return o
  end
  return class
end

M.Request.Version = request_class({ "host", "port", "lhost", "lport" }, function(self)
  local theirs = tostring(M.NetworkAddress:new(self.host, self.port))
  local ours = tostring(M.NetworkAddress:new(self.lhost, self.lport))
  local payload = string.pack("<I4I8I8", our_version, 1, os.time()) .. theirs .. ours
    .. rand.random_string(8) .. string.pack("<BI4", 0, 0)
  return message("version", payload)
end)
M.Request.GetAddr = request_class({ "host", "port", "lhost", "lport" }, function()
  return message("getaddr", "")
end)
M.Request.VerAck = request_class({}, function()
  return message("verack", "")
end)
M.Request.Pong = request_class({}, function(self)
  return message("pong", self.nonce or "")
end)

--- Messages that we receive. Each has `data` (all its bytes) and what it says; `parse` returns nil
-- when it is broken.
M.Response = {}

--- A header: `magic`, `cmd`, `length`, `checksum`.
M.Response.Header = { size = 24 }
M.Response.Header.__index = M.Response.Header
function M.Response.Header:new()
  return setmetatable({ magic = 0, cmd = "", length = 0, checksum = 0 }, self)
end
function M.Response.Header.parse(data)
  if #data < 20 then
    return nil
  end
  local header = M.Response.Header:new()
  header.magic, header.cmd, header.length = string.unpack("<I4c12I4", data)
  header.cmd = string.gsub(header.cmd, "\0.*$", "")
  if #data >= 24 then
    header.checksum = string.unpack(">I4", data, 21)
  end
  return header
end

local function response_class(parse)
  local class = {}
  class.__index = class
  function class:new(data, version)
    local o = setmetatable({ data = data, version = version }, self)
    return o:parse() and o or nil
  end
  function class:parse()
    local header = M.Response.Header.parse(self.data)
    if not header then
      return nil
    end
    self.magic, self.cmd, self.len, self.checksum = header.magic, header.cmd, header.length,
      header.checksum
    local ok, result = pcall(parse, self, 25)
    return ok and result ~= false and self or nil
  end
  return class
end

-- 70015 is 0.7.0 with build 15: ten thousands, hundreds, rest.
local function version_text(number)
  return string.format("0.%d.%d", number // 10000, number % 10000 // 100)
end

M.Response.Version = response_class(function(self, at)
  local data, id = self.data, nil
  self.ver_raw, self.service, self.timestamp, at = string.unpack("<I4I8I8", data, at)
  self.ver = version_text(self.ver_raw)
  self.ra = M.NetworkAddress.fromString(string.sub(data, at, at + 25))
  if self.ver_raw >= 106 and #data >= at + 52 then
    self.sa = M.NetworkAddress.fromString(string.sub(data, at + 26, at + 51))
    id, at = string.unpack("c8", data, at + 52)
    self.nodeid = stdnse.tohex(id)
    local after, agent = M.Util.decodeVarString(data, at)
    if after then
      self.user_agent = agent ~= "" and agent or nil
      if after + 3 <= #data then
        self.lastblock = string.unpack("<I4", data, after)
      end
    end
  end
end)
M.Response.VerAck = response_class(function() end)
M.Response.Alert = response_class(function(self, at)
  self.reserved = string.sub(self.data, at)
end)
M.Response.Inv = response_class(function(self, at)
  local after, count = M.Util.decodeVarInt(self.data, at)
  self.count = after and count
end)
M.Response.Addr = response_class(function(self, at)
  local after, count = M.Util.decodeVarInt(self.data, at)
  if not after then
    return false
  end
  self.addresses = {}
  for _ = 1, math.min(count, addresses_max) do
    local timestamp
    if (self.version or our_version) >= 31402 then
      timestamp, after = string.unpack("<I4", self.data, after)
    end
    local address = M.NetworkAddress.fromString(string.sub(self.data, after, after + 25))
    if not address then
      break
    end
    self.addresses[#self.addresses + 1] = { ts = timestamp, address = address }
    after = after + 26
  end
end)

local decoders = {
  version = M.Response.Version, verack = M.Response.VerAck, addr = M.Response.Addr,
  inv = M.Response.Inv,
  alert = M.Response.Alert, ping = M.Response.Alert,
}

--- The message in `data` (with its header): `true, message` or `false, reason`. Of a kind that we
-- do not read it is a table { cmd, data }.
function M.Response.decode(data, version)
  local header = M.Response.Header.parse(data)
  if not header then
    return false, "no message header"
  end
  local class = decoders[header.cmd]
  if not class then
    return true, { cmd = header.cmd, data = data, len = header.length, magic = header.magic }
  end
  local result = class:new(data, version)
  if not result then
    return false, "broken message " .. header.cmd
  end
  return true, result
end

local function is_command(text)
  return string.find(text, "^%l[%l%d]*\0*$") ~= nil
end

--- Receives one message: `true, message` or `false, reason`.
function M.Response.recvPacket(socket, version)
  local status, head = socket:receive_buf(match.numbytes(24), true)
  if not status then
    return false, "no message header came: " .. head
  end
  local header = M.Response.Header.parse(head)
  if not is_command(string.sub(head, 5, 16)) or header.length > message_max then
    return false, "no message header came"
  elseif header.length == 0 then
    return M.Response.decode(head, version)
  end
  local body
  status, body = socket:receive_buf(match.numbytes(header.length), true)
  if not status then
    return false, "the message broke off: " .. body
  end
  return M.Response.decode(head .. body, version)
end

-- Helper ------------------------------------------------------------------------------------------

M.Helper = {}
M.Helper.__index = M.Helper

--- A conversation with a node. `options.timeout`: milliseconds (10000).
function M.Helper:new(host, port, options)
  return setmetatable({ host = host, port = port, options = options or {} }, self)
end

--- Connects: true and the local address, or false and the reason.
function M.Helper:connect()
  self.socket = nmap.new_socket()
  self.socket:set_timeout(self.options.timeout or timeout_default)
  local status, reason = self.socket:connect(self.host, self.port)
  if not status then
    return false, reason
  end
  local connected, lhost, lport = self.socket:get_info()
  self.lhost, self.lport = lhost, lport
  return connected and true, lhost
end

-- Reads messages until one of the wanted kind; answers pings on the way.
function M.Helper:wait_for(command)
  for _ = 1, 50 do
    local status, response = M.Response.recvPacket(self.socket, self.version)
    if not status then
      return false, response
    elseif response.cmd == command then
      return true, response
    elseif response.cmd == "ping" then
      local pong = M.Request.Pong:new()
      pong.nonce = string.sub(response.data, 25, 32)
      self.socket:send(tostring(pong))
    end
  end
  return false, "the node does not send " .. command
end

--- Exchanges versions: true and the node's Version, or false and the reason.
function M.Helper:exchVersion()
  if not self.socket then
    return false, "Not connected"
  end
  local request = M.Request.Version:new(self.host, self.port, self.lhost, self.lport)
  local status, reason = self.socket:send(tostring(request))
  if not status then
    return false, "the version could not be sent: " .. reason
  end
  local version
  status, version = self:wait_for("version")
  if not status then
    return false, "no version came: " .. version
  end
  self.version = version.ver_raw
  self.socket:send(tostring(M.Request.VerAck:new()))
  if version.ver_raw >= 209 then
    status, reason = self:wait_for("verack")
    if not status then
      return false, "the version was not acknowledged: " .. reason
    end
  end
  return true, version
end

--- The addresses that the node knows: true and an array of { ts = seconds since 1970, address =
-- NetworkAddress }.
function M.Helper:getNodes()
  if not self.socket then
    return false, "Not connected"
  end
  local status, reason = self.socket:send(tostring(M.Request.GetAddr:new()))
  if not status then
    return false, "the question for addresses could not be sent: " .. reason
  end
  local response
  status, response = self:wait_for("addr")
  if not status then
    return false, "no addresses came: " .. response
  end
  local nodes = response.addresses
  -- nodes often tell their own address first, alone, and the others in a second message
  if #nodes == 1 then
    status, response = self:wait_for("addr")
    for _, node in ipairs(status and response.addresses or {}) do
      nodes[#nodes + 1] = node
    end
  end
  return true, nodes
end

--- The next message of any kind: true and the message, or false and the reason.
function M.Helper:readMessage()
  return M.Response.recvPacket(self.socket, self.version)
end

--- Closes the connection.
function M.Helper:close()
  return self.socket:close()
end

return M
