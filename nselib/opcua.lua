--- OPC UA over TCP, as much of it as asking a server for its endpoints takes: OPC 10000-4 (services)
-- and 10000-6 (binary encoding, UA TCP). Nothing is signed, no session is made.
--
--     local endpoints, reason = opcua.endpoints(host, port)
--
-- Each endpoint: url, server = { applicationUri, productUri, applicationName, applicationType,
-- discoveryUrls }, mode (1 none, 2 sign, 3 sign and encrypt), policy (its URI), tokens = array of types
-- (0 anonymous, 1 user name, 2 certificate, 3 issued), certificate (bytes).

local error, match, nmap = error, require "match", require "nmap"
local setmetatable, string, table = setmetatable, string, table

local M = {}

local message_max, chunks_max, array_max, string_max = 1048576, 64, 256, 65536
local no_security = "http://opcfoundation.org/UA/SecurityPolicy#None"

-- Numbers of the binary encodings of services (OPC 10000-6, annex A).
local OPEN, OPENED, GET, GOT, CLOSE, FAULT = 446, 449, 428, 431, 452, 397

-- Status codes of a server that has no time or no place now (10000-4, 7.39).
local busy = { [0x800e0000] = true, [0x80100000] = true, [0x807d0000] = true, [0x80810000] = true }

-- Reading ------------------------------------------------------------------------------------------

-- A cursor over bytes. What goes past their end is 0 or nil, and so is all behind it: see `bad`.
local Reader = {}
Reader.__index = Reader

local function reader(bytes, at)
  return setmetatable({ bytes = bytes, at = at or 1, bad = false }, Reader)
end

function Reader:number(size)
  if self.bad or self.at + size - 1 > #self.bytes then
    self.bad = true
    return 0
  end
  self.at = self.at + size
  return (string.unpack("<I" .. size, self.bytes, self.at - size))
end

-- A String or ByteString; nil for none.
function Reader:text()
  local length = self:number(4)
  if length == 0xffffffff then
    return nil
  elseif self.bad or length > string_max or self.at + length - 1 > #self.bytes then
    self.bad = true
    return nil
  end
  self.at = self.at + length
  return string.sub(self.bytes, self.at - length, self.at - 1)
end

function Reader:array(read)
  local n, items = self:number(4), {}
  if n == 0xffffffff then
    return items
  elseif n > array_max then
    self.bad = true
  end
  for i = 1, n do
    if self.bad then
      return {}
    end
    items[i] = read(self) or ""
  end
  return items
end

-- The number of a NodeId in one of its numeric forms.
function Reader:node()
  local form = self:number(1)
  if form == 1 then
    self:number(1)
  elseif form == 2 then
    self:number(2)
  elseif form ~= 0 then
    self.bad = true
  end
  return self:number(form == 0 and 1 or form == 1 and 2 or 4)
end

function Reader:localized()
  local mask = self:number(1)
  if mask & 1 ~= 0 then
    self:text()
  end
  return mask & 2 ~= 0 and self:text() or nil
end

-- A ResponseHeader: the result of the service. Diagnostics were not asked for.
function Reader:result()
  self:number(8)
  self:number(4)
  local result = self:number(4)
  if self:number(1) ~= 0 then
    self.bad = true
  end
  self:array(self.text)
  self:node()
  if self:number(1) == 1 then
    self:text()
  end
  return result
end

local function token(r)
  r:text()
  local kind = r:number(4)
  for _ = 1, 3 do
    r:text()
  end
  return kind
end

local function endpoint(r)
  local e, server = { url = r:text() }, {}
  server.applicationUri, server.productUri = r:text(), r:text()
  server.applicationName, server.applicationType = r:localized(), r:number(4)
  r:text()
  r:text()
  server.discoveryUrls = r:array(r.text)
  e.server, e.certificate, e.mode, e.policy = server, r:text(), r:number(4), r:text()
  e.tokens = r:array(token)
  r:text()
  r:number(1)
  return e
end

-- Messages -----------------------------------------------------------------------------------------

local function text(s)
  return s and string.pack("<s4", s) or "\xff\xff\xff\xff"
end

local function message(kind, body)
  return string.pack("<c3c1I4", kind, "F", #body + 8) .. body
end

-- A service's number and RequestHeader: no session, no time, no diagnostics, 10 s.
local function service(number, handle)
  return "\1\0" .. string.pack("<I2", number) .. "\0\0" .. string.pack("<I8I4I4", 0, handle, 0)
    .. text(nil) .. string.pack("<I4", 10000) .. "\0\0\0"
end

local function hello(url)
  return message("HEL", string.pack("<I4I4I4I4I4", 0, 65535, 65535, message_max, chunks_max) .. text(url))
end

-- A channel without security for a minute.
local function open_request()
  return message("OPN", "\0\0\0\0" .. text(no_security) .. text(nil) .. text(nil)
    .. string.pack("<I4I4", 1, 1) .. service(OPEN, 1) .. string.pack("<I4I4I4", 0, 0, 1) .. text(nil)
    .. string.pack("<I4", 60000))
end

local function channel_message(kind, channel, n, body)
  return message(kind, string.pack("<I4I4I4I4", channel.id, channel.token, n, n) .. body)
end

-- Kind, kind of chunk and body of the next message; nil and the reason.
local function receive(socket)
  local status, head = socket:receive_buf(match.numbytes(8), true)
  if not status then
    return nil, head
  end
  local kind, chunk, size = string.unpack("<c3c1I4", head)
  if not string.find(kind .. chunk, "^%u%u%u[FCA]$") or size <= 8 or size > message_max then
    return nil, "another answer"
  end
  local body
  status, body = socket:receive_buf(match.numbytes(size - 8), true)
  if not status then
    return nil, body
  end
  return kind, chunk, body
end

local function refused(status)
  if busy[status] then
    error(string.format("no answer, the server is busy: status 0x%08x", status), 0)
  end
  return nil, string.format("status 0x%08x", status)
end

-- The body of the next message, which is of `wanted` kind, its chunks put together without the
-- `prefix` bytes before their contents; nil and the reason.
local function receive_whole(socket, wanted, prefix)
  local parts = {}
  for i = 1, chunks_max do
    local kind, chunk, body = receive(socket)
    if kind == "ERR" then
      return refused(reader(body):number(4))
    elseif kind ~= wanted or chunk == "A" then
      return nil, kind and "another answer" or chunk
    end
    parts[i] = string.sub(body, prefix + 1)
    if chunk == "F" then
      return table.concat(parts)
    end
  end
  return nil, "another answer"
end

-- What follows the header of a response of `wanted` number; nil and the reason.
local function response(r, wanted)
  local number = r:node()
  local result = r:result()
  if r.bad or number ~= wanted and number ~= FAULT then
    return nil, "another answer"
  elseif result & 0x80000000 ~= 0 or number == FAULT then
    return refused(result)
  end
  return r
end

local function open(socket)
  socket:send(open_request())
  local body, reason = receive_whole(socket, "OPN", 0)
  if not body then
    return nil, reason
  end
  local r = reader(body)
  -- channel, policy, certificate, thumbprint, sequence, request
  r:number(4)
  r:text()
  r:text()
  r:text()
  r:number(8)
  local ok
  ok, reason = response(r, OPENED)
  if not ok then
    return nil, reason
  end
  r:number(4)
  local channel = { id = r:number(4), token = r:number(4) }
  return not r.bad and channel or nil, "another answer"
end

local function ask(socket, url)
  local channel, reason = open(socket)
  if not channel then
    return nil, reason
  end
  socket:send(channel_message("MSG", channel, 2, service(GET, 2) .. text(url) .. text(nil) .. text(nil)))
  local body
  body, reason = receive_whole(socket, "MSG", 16)
  if not body then
    return nil, reason
  end
  socket:send(channel_message("CLO", channel, 3, service(CLOSE, 3)))
  local r
  r, reason = response(reader(body), GOT)
  local list = r and r:array(endpoint)
  if list and r.bad then
    return nil, "another answer"
  end
  return list, reason
end

local function connected(host, port)
  local socket = nmap.new_socket()
  socket:set_timeout(5000)
  local status, reason = socket:connect(host, port)
  if not status then
    return nil, reason
  end
  return socket
end

--- The server's endpoints. nil, the reason, and whether the server had greeted us before.
function M.endpoints(host, port)
  local socket, reason = connected(host, port)
  if not socket then
    return nil, reason, false
  end
  local name = string.find(host.ip, ":", 1, true) and "[" .. host.ip .. "]" or host.ip
  local url = "opc.tcp://" .. name .. ":" .. port.number
  socket:send(hello(url))
  local greeted, list
  greeted, reason = receive_whole(socket, "ACK", 0)
  if greeted then
    list, reason = ask(socket, url)
  end
  socket:close()
  return list, reason, greeted ~= nil
end

return M
