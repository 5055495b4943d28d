--- STUN (RFC 5389, and RFC 3489 before it): asking a server for the address that it sees.

local ipOps, ipairs, nmap, rand = require "ipOps", ipairs, require "nmap", require "rand"
local setmetatable, string, table, tostring = setmetatable, string, table, tostring

local M = {}

--- Types of messages: binding.
M.MessageType = { BINDING_REQUEST = 1, BINDING_RESPONSE = 0x101 }

local cookie = "\x21\x12\xa4\x42"
local attributes_max = 64

--- The header of a message: type, transaction id (16 bytes, the first four the magic cookie),
-- length of what follows.
M.Header = {}
M.Header.__index = M.Header
M.Header.size = 20

function M.Header:new(kind, trans_id, length)
  return setmetatable({ type = kind, trans_id = trans_id, length = length or 0 }, self)
end

--- From bytes; nil when they are no STUN.
function M.Header.parse(data)
  if #data < 20 or string.byte(data) & 0xc0 ~= 0 then
    return nil
  end
  local kind, length = string.unpack(">I2I2", data)
  return M.Header:new(kind, string.sub(data, 5, 20), length)
end

function M.Header:__tostring()
  return string.pack(">I2I2c16", self.type, self.length, self.trans_id)
end

--- Requests.
M.Request = { Bind = {} }
M.Request.Bind.__index = M.Request.Bind

--- A binding request; a random transaction when none is given.
function M.Request.Bind:new(trans_id)
  local header = M.Header:new(M.MessageType.BINDING_REQUEST, trans_id or cookie
    .. rand.random_string(12))
  return setmetatable({ header = header }, self)
end

function M.Request.Bind:__tostring()
  return tostring(self.header)
end

--- Attributes: fields type, length, data (bytes); of addresses also ip and port; of a software
-- name server.
M.Attribute = {
  MAPPED_ADDRESS = 0x0001, RESPONSE_ADDRESS = 0x0002, CHANGE_REQUEST = 0x0003,
  SOURCE_ADDRESS = 0x0004, CHANGED_ADDRESS = 0x0005, XOR_MAPPED_ADDRESS = 0x0020,
  SOFTWARE = 0x8022, SERVER = 0x8022, XOR_MAPPED_ADDRESS_OLD = 0x8020, RESPONSE_ORIGIN = 0x802b,
  OTHER_ADDRESS = 0x802c,
}
M.Attribute.__index = M.Attribute

local function xored(bytes, key)
  local out = {}
  for i = 1, #bytes do
    out[i] = string.char(string.byte(bytes, i) ~ string.byte(key, i))
  end
  return table.concat(out)
end

-- Family, port, address; those of XOR-MAPPED-ADDRESS are mixed with the transaction id.
local function address_in(data, key)
  local family = string.byte(data, 2)
  local size = family == 1 and 4 or family == 2 and 16
  if not size or #data < 4 + size then
    return nil
  end
  local port, address = string.sub(data, 3, 4), string.sub(data, 5, 4 + size)
  if key then
    port, address = xored(port, key), xored(address, key)
  end
  return ipOps.str_to_ip(address), (string.unpack(">I2", port))
end

local plain = { [0x0001] = true, [0x0004] = true, [0x0005] = true, [0x802b] = true,
  [0x802c] = true }
local mixed = { [0x0020] = true, [0x8020] = true }

--- An attribute from its type and bytes.
function M.Attribute:new(kind, data, trans_id)
  local attribute = setmetatable({ type = kind, length = #data, data = data }, self)
  if plain[kind] then
    attribute.ip, attribute.port = address_in(data)
  elseif mixed[kind] then
    attribute.ip, attribute.port = address_in(data, trans_id or cookie .. ("\0"):rep(12))
  elseif kind == M.Attribute.SOFTWARE then
    attribute.server = string.match(data, "^[^%z]*")
  end
  return attribute
end

--- The response to a binding request: header, attributes.
M.Response = { Bind = {} }
M.Response.Bind.__index = M.Response.Bind

--- From bytes; nil when they are none.
function M.Response.Bind.parse(data)
  local header = M.Header.parse(data)
  if not header or header.type ~= M.MessageType.BINDING_RESPONSE then
    return nil
  end
  local attributes, at = {}, 21
  while at + 3 <= #data and #attributes < attributes_max do
    local kind, length = string.unpack(">I2I2", data, at)
    if at + 3 + length > #data then
      break
    end
    attributes[#attributes + 1] = M.Attribute:new(kind, string.sub(data, at + 4, at + 3 + length),
      header.trans_id)
    at = at + 4 + (length + 3 & ~3)
  end
  return setmetatable({ header = header, attributes = attributes }, M.Response.Bind)
end

-- The first attribute of one of these types, in the order of the types.
local function first_of(response, types)
  for _, kind in ipairs(types) do
    for _, attribute in ipairs(response.attributes) do
      if attribute.type == kind then
        return attribute
      end
    end
  end
end

--- A socket and exchanges over it. `options.timeout`: ms (3000).
M.Comm = {}
M.Comm.__index = M.Comm

function M.Comm:new(host, port, options)
  return setmetatable({ host = host, port = port, options = options or {} }, self)
end

function M.Comm:connect()
  local socket = nmap.new_socket()
  socket:set_timeout(self.options.timeout or 3000)
  self.socket = socket
  return socket:connect(self.host, self.port)
end

function M.Comm:send(data)
  return self.socket:send(data)
end

function M.Comm:recv()
  local status, data = self.socket:receive()
  if not status then
    return false, data
  end
  local response = M.Response.Bind.parse(data)
  return response ~= nil, response or "no STUN response"
end

local function exchange_once(self, request)
  local status, response = self:send(tostring(request))
  for _ = 1, 4 do
    if not status then
      break
    end
    status, response = self:recv()
    if status and response.header.trans_id == request.header.trans_id then
      return true, response
    end
  end
  return false, response
end

--- Sends a request and takes the response with its transaction id: `true, Response` or `false,
-- reason`. It is the same request that is sent again (RFC 8489, section 6.2.1).
function M.Comm:exch(request)
  local status, response = exchange_once(self, request)
  if not status and response == "TIMEOUT" then
    status, response = exchange_once(self, request)
  end
  return status, response
end

function M.Comm:close()
  return self.socket:close()
end

--- What scripts use. `mode`: "modern" (with the magic cookie) or "classic" (RFC 3489).
M.Helper = {}
M.Helper.__index = M.Helper

function M.Helper:new(host, port, options, mode)
  return setmetatable({ comm = M.Comm:new(host, port, options), mode = mode or "modern" }, self)
end

function M.Helper:connect()
  return self.comm:connect()
end

local function bind(self)
  if not self.response then
    local id = self.mode == "classic" and rand.random_string(16) or nil
    local status, response = self.comm:exch(M.Request.Bind:new(id))
    if not status then
      return false, response
    end
    self.response = response
  end
  return true, self.response
end

--- The address that the server sees: `true, ip` or `false, reason`.
function M.Helper:getExternalAddress()
  local status, response = bind(self)
  if not status then
    return false, response
  end
  local attribute = first_of(response, { M.Attribute.XOR_MAPPED_ADDRESS,
    M.Attribute.XOR_MAPPED_ADDRESS_OLD, M.Attribute.MAPPED_ADDRESS })
  if not attribute or not attribute.ip then
    return false, "no address in the response"
  end
  return true, attribute.ip
end

--- The name of the server's software: `true, text` or `false, reason`.
function M.Helper:getVersion()
  local status, response = bind(self)
  local attribute = status and first_of(response, { M.Attribute.SOFTWARE })
  if not attribute then
    return false, status and "the server does not tell its software" or response
  end
  return true, attribute.server
end

function M.Helper:close()
  return self.comm:close()
end

return M
