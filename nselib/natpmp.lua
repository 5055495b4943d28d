--- NAT-PMP (RFC 6886): the outer address of a router, and ports that it passes on.

local ipOps, nmap, setmetatable = require "ipOps", require "nmap", setmetatable
local string, tostring = string, tostring

local M = {}

local results = { "unsupported version", "not authorized", "network failure", "out of resources",
  "unsupported opcode" }

--- Requests; tostring gives their bytes.
M.Request = { GetWANIP = {}, MapPort = {} }
M.Request.GetWANIP.__index, M.Request.MapPort.__index = M.Request.GetWANIP, M.Request.MapPort

function M.Request.GetWANIP:new()
  return setmetatable({}, self)
end

function M.Request.GetWANIP.__tostring()
  return "\0\0"
end

--- `proto`: "udp" or "tcp"; `lifetime`: seconds, 0 removes the mapping.
function M.Request.MapPort:new(pubport, privport, proto, lifetime)
  return setmetatable({ pubport = pubport, privport = privport, proto = proto,
    lifetime = lifetime or 3600 }, self)
end

function M.Request.MapPort:__tostring()
  return string.pack(">BBI2I2I2I4", 0, string.lower(self.proto) == "tcp" and 2 or 1, 0,
    self.privport, self.pubport, self.lifetime)
end

--- Responses: fields version, op, rcode, success (0), time (seconds since the router's start), and
-- ip, or privport, pubport, lifetime.
M.Response = {}

-- The part that all have; nil and the reason when the router refuses.
local function header_of(data, op)
  if #data < 8 or string.byte(data) ~= 0 or string.byte(data, 2) ~= op then
    return nil, "no NAT-PMP response"
  end
  local version, code, rcode, time = string.unpack(">BBI2I4", data)
  if rcode ~= 0 then
    return nil, results[rcode] or "result " .. rcode
  end
  return { version = version, op = code, rcode = rcode, time = time }
end

function M.Response.GetWANIP(data)
  local response, reason = header_of(data, 128)
  if not response or #data < 12 then
    return nil, reason or "no NAT-PMP response"
  end
  response.ip = ipOps.str_to_ip(string.sub(data, 9, 12))
  return response
end

function M.Response.MapPort(data, op)
  local response, reason = header_of(data, op)
  if not response or #data < 16 then
    return nil, reason or "no NAT-PMP response"
  end
  response.privport, response.pubport, response.lifetime = string.unpack(">I2I2I4", data, 9)
  return response
end

--- What scripts use.
M.Helper = {}
M.Helper.__index = M.Helper

function M.Helper:new(host, port)
  return setmetatable({ host = host, port = port }, self)
end

local function exchange(self, request)
  local socket = nmap.new_socket("udp")
  socket:set_timeout(3000)
  local status, data = socket:connect(self.host, self.port, "udp")
  if not status then
    socket:close()
    return status, data
  end
  -- clients repeat a request that gets no answer (RFC 6886, section 3.1)
  for _ = 1, 2 do
    socket:send(tostring(request))
    status, data = socket:receive()
    if status then
      break
    end
  end
  socket:close()
  return status, data
end

--- The outer address: `true, response` (field ip) or `false, reason`.
function M.Helper:getWANIP()
  local status, data = exchange(self, M.Request.GetWANIP:new())
  if not status then
    return false, data
  end
  local response, reason = M.Response.GetWANIP(data)
  return response ~= nil, response or reason
end

--- Asks the router to pass a port on to us: `true, response` or `false, reason`.
function M.Helper:mapPort(pubport, privport, proto, lifetime)
  local request = M.Request.MapPort:new(pubport, privport, proto, lifetime)
  local status, data = exchange(self, request)
  if not status then
    return false, data
  end
  local response, reason = M.Response.MapPort(data, string.lower(proto) == "tcp" and 130 or 129)
  return response ~= nil, response or reason
end

return M
