--- SLP, the Service Location Protocol (RFC 2608): which services a host, or the link, offers.

local ipairs, nmap, rand = ipairs, require "nmap", require "rand"
local setmetatable, string, tostring = setmetatable, string, tostring

local M = {}

local group = "239.255.255.253"
local entries_max = 256

--- Functions of messages (RFC 2608, section 8).
M.PacketFunction = { SERVICE_REQUEST = 1, SERVICE_REPLY = 2, ATTRIB_REQUEST = 6,
  ATTRIB_REPLY = 7, SERVICE_TYPE_REQUEST = 9, SERVICE_TYPE_REPLY = 10 }

local fn = M.PacketFunction
local flag_multicast = 0x2000

-- A message: header (section 8) and body.
local function message(kind, xid, flags, body)
  local size = 14 + 2 + #body
  return string.pack(">BBI3I2I3I2s2", 2, kind, size, flags, 0, xid, "en") .. body
end

--- Requests; tostring gives their bytes.
M.Request = {}

local function class(build)
  local Class = {}
  Class.__index, Class.__tostring = Class, build
  return Class
end

--- Asks for services of a type, such as "service:printer". `scope`: "DEFAULT".
M.Request.Service = class(function(self)
  return message(fn.SERVICE_REQUEST, self.xid, self.flags, string.pack(">s2s2s2s2s2", "",
    self.service_type, self.scope, "", ""))
end)

--- Asks for the attributes of a service's URL or type; `tags`: names with commas, "" for all.
M.Request.Attributes = class(function(self)
  return message(fn.ATTRIB_REQUEST, self.xid, self.flags, string.pack(">s2s2s2s2s2", "", self.url,
    self.scope, self.tags, ""))
end)

--- Asks for the types of services that there are.
M.Request.Types = class(function(self)
  -- 0xffff: of all naming authorities
  return message(fn.SERVICE_TYPE_REQUEST, self.xid, self.flags,
    string.pack(">s2I2s2", "", 0xffff, self.scope))
end)

for _, Class in ipairs({ M.Request.Service, M.Request.Attributes, M.Request.Types }) do
  Class.new = function(self, fields)
    fields.xid = fields.xid or (string.unpack(">I2", rand.random_string(2)))
    fields.scope, fields.flags = fields.scope or "DEFAULT", fields.flags or 0
    fields.tags = fields.tags or ""
    return setmetatable(fields, self)
  end
end

-- Replies -----------------------------------------------------------------------------------------

-- The string with its length at a position: text, position after it; nil when it is cut.
local function text_at(data, at)
  if at + 1 > #data then
    return nil
  end
  local length = string.unpack(">I2", data, at)
  if at + 1 + length > #data then
    return nil
  end
  return string.sub(data, at + 2, at + 1 + length), at + 2 + length
end

-- The items of a list with commas outside of brackets.
local function items_of(list)
  local out = {}
  for item in string.gmatch(list, "%([^()]*%)") do
    out[#out + 1] = item
    if #out >= entries_max then
      return out
    end
  end
  if #out == 0 then
    for item in string.gmatch(list, "[^,]+") do
      out[#out + 1] = #out < entries_max and item or nil
    end
  end
  return out
end

local readers = {
  [2] = function(data, at, out)
    out.urls = {}
    local count = at + 1 <= #data and string.unpack(">I2", data, at) or 0
    at = at + 2
    for _ = 1, count < entries_max and count or entries_max do
      -- a reserved byte and a lifetime stand before the URL
      local url, after = text_at(data, at + 3)
      local blocks = url and string.byte(data, after)
      if not blocks or blocks > 0 then
        break
      end
      out.urls[#out.urls + 1], at = url, after + 1
    end
  end,
  [7] = function(data, at, out)
    out.attributes = items_of(text_at(data, at) or "")
  end,
  [10] = function(data, at, out)
    out.types = items_of(text_at(data, at) or "")
  end,
}

--- A reply from bytes: { kind, xid, error, urls | attributes | types }; nil when it is none.
function M.parse(data)
  if #data < 18 or string.byte(data) ~= 2 then
    return nil
  end
  local _, kind, _, _, _, xid = string.unpack(">BBI3I2I3I2", data)
  local language, at = text_at(data, 13)
  if not language or not readers[kind] or at + 1 > #data then
    return nil
  end
  local out = { kind = kind, xid = xid, error = (string.unpack(">I2", data, at)) }
  readers[kind](data, at + 2, out)
  return out
end

-- Conversations -----------------------------------------------------------------------------------

--- What scripts use: one host, or without one the link by multicast. `options.timeout`: ms (5000);
-- `options.tries`: how often a request is sent that gets no answer (1).
M.Helper = {}
M.Helper.__index = M.Helper

function M.Helper:new(host, port, options)
  return setmetatable({ host = host, port = port or { number = 427, protocol = "udp" },
    options = options or {} }, self)
end

-- Sends a request: its reply, or nil and the reason.
local function exchange_once(socket, host, port, request)
  local status, data = socket:sendto(host, port, tostring(request))
  for _ = 1, 16 do
    if status then
      status, data = socket:receive()
    end
    if not status then
      return nil, data
    end
    local reply = M.parse(data)
    if reply and reply.xid == request.xid then
      return reply
    end
  end
  return nil, "no reply"
end

--- Sends a request and reads its reply: `true, reply` or `false, reason`.
function M.Helper:exchange(request)
  if not self.host then
    request.flags = flag_multicast
  end
  local socket = self.socket or nmap.new_socket("udp")
  socket:set_timeout(self.options.timeout or 5000)
  self.socket = socket
  local reply, reason
  for _ = 1, self.options.tries or 1 do
    reply, reason = exchange_once(socket, self.host or group, self.port, request)
    if reply then
      return reply.error == 0, reply.error == 0 and reply or "SLP error " .. reply.error
    end
  end
  return false, reason
end

--- The URL of a service of a type: `true, url` or `false, reason`.
function M.Helper:ServiceRequest(service_type, scope)
  local status, reply = self:exchange(M.Request.Service:new({ service_type = service_type,
    scope = scope }))
  local url = status and reply.urls and reply.urls[1]
  return url ~= nil and url ~= false, url or reply
end

--- The URLs of all services of a type: `true, array` or `false, reason`.
function M.Helper:services(service_type)
  local status, reply = self:exchange(M.Request.Service:new({ service_type = service_type }))
  return status, status and reply.urls or reply
end

--- The attributes of a service: `true, array of "(name=value)"` or `false, reason`.
function M.Helper:AttributeRequest(url, scope, tags)
  local status, reply = self:exchange(M.Request.Attributes:new({ url = url, scope = scope,
    tags = tags }))
  return status, status and reply.attributes or reply
end

--- The types of services: `true, array` or `false, reason`.
function M.Helper:types()
  local status, reply = self:exchange(M.Request.Types:new({}))
  return status, status and reply.types or reply
end

function M.Helper:close()
  return self.socket and self.socket:close()
end

return M
