-- Sockets for tests: the other end is a Lua function that runs as a coroutine, the server.
--
--     servers["tcp:80"] = function(peer)
--       local request = peer:recv()       -- the next piece that the client sent
--       peer:send("HTTP/1.0 200 OK\r\n\r\n")
--     end                                 -- the function's end closes the connection
--
-- peer:recv() waits for the client; peer:hang() never answers again (the client sees a timeout). A
-- server runs only while the client waits for data, so that no time passes in a test. With UDP each
-- send is a datagram.
local M = {}
M.__index = M

local Peer = {}
Peer.__index = Peer

function Peer:recv()
  while #self.inbox == 0 do
    if self.client_closed then
      return nil
    end
    coroutine.yield("recv")
  end
  return table.remove(self.inbox, 1)
end

-- M.altered(data): the pieces that the client gets instead, where a test wants them changed.
function Peer:send(data)
  for _, piece in ipairs(M.altered and M.altered(data) or { data }) do
    self.outbox[#self.outbox + 1] = piece
  end
end

function Peer:hang()
  while not self.client_closed do
    coroutine.yield("hang")
  end
end

local Socket = { servers = {}, log = nil }
Socket.__index = Socket
M.Socket = Socket

local certificates = {}

function M.new(servers, protocol)
  return setmetatable({ servers = servers, protocol = protocol or "tcp", timeout = 30000,
    buffer = "" }, Socket)
end

local function start(self, server, key)
  self.peer = setmetatable({ inbox = {}, outbox = {}, key = key, secure = self.secure,
    patience = self.timeout }, Peer)
  self.thread = coroutine.create(server)
  self.ended = false
end

-- Runs the server until it has said something, waits for us, or is done. A server that dies fails
-- the test.
local function run(self)
  while not self.ended and #self.peer.outbox == 0 do
    local ok, why = coroutine.resume(self.thread, self.peer)
    if not ok then
      error("the test's server failed: " .. tostring(why), 0)
    elseif coroutine.status(self.thread) == "dead" then
      self.ended = true
    elseif #self.peer.outbox == 0 then
      return
    end
  end
end

function Socket:connect(host, port, protocol)
  if type(port) == "table" then
    protocol = protocol or port.protocol
    port = port.number
  end
  protocol = protocol or self.protocol
  local transport = protocol == "ssl" and "tcp" or protocol
  local server = self.servers[protocol .. ":" .. port]
  if not server then
    return nil, "ERROR"
  end
  self.protocol, self.port, self.host, self.secure = transport, port, host, protocol == "ssl"
  self.connected = true
  start(self, server, protocol .. ":" .. port)
  return true
end

function Socket:reconnect_ssl()
  if not self.connected then
    return false, "socket must be connected"
  end
  local server = self.servers["starttls:" .. self.port]
  if not server then
    return nil, "ERROR"
  end
  self.secure = true
  start(self, server, "starttls:" .. self.port)
  return true
end

local function unconnected()
  return false, "socket must be connected"
end

function Socket:send(data)
  if not self.connected then
    return unconnected()
  end
  run(self)
  table.insert(self.peer.inbox, tostring(data))
  return true
end

function Socket:sendto(host, port, data)
  local number = type(port) == "table" and port.number or port
  if not self.connected or self.port ~= number then
    self.protocol = "udp"
    if not self:connect(host, number, "udp") then
      self.connected, self.dead_udp = false, true
      return true
    end
  end
  return self:send(data)
end

-- The next piece: data, or nil and the reason.
local function next_piece(self)
  run(self)
  if #self.peer.outbox > 0 then
    return table.remove(self.peer.outbox, 1)
  end
  return nil, self.ended and "EOF" or "TIMEOUT"
end

function Socket:receive()
  if self.dead_udp then
    return nil, "TIMEOUT"
  elseif not self.connected then
    return unconnected()
  end
  local data, why = next_piece(self)
  if not data then
    return nil, why
  end
  return true, data
end

local function receive_until(self, enough)
  if not self.connected then
    return unconnected()
  end
  local got = ""
  repeat
    local data, why = next_piece(self)
    if not data then
      if got ~= "" then
        return true, got
      end
      return nil, why
    end
    got = got .. data
  until enough(got)
  return true, got
end

function Socket:receive_bytes(n)
  return receive_until(self, function(got)
    return #got >= n
  end)
end

function Socket:receive_lines(n)
  return receive_until(self, function(got)
    return select(2, got:gsub("\n", "")) >= n
  end)
end

function Socket:receive_buf(delimiter, keep)
  if type(keep) ~= "boolean" then
    error("bad argument #2 to 'receive_buf' (boolean expected)", 2)
  end
  if not self.connected then
    return unconnected()
  end
  local find = type(delimiter) == "function" and delimiter or function(buffer)
    return buffer:find(delimiter)
  end
  while true do
    local first, last = find(self.buffer)
    if first then
      if first < 1 or first > last or last > #self.buffer then
        error("invalid indices for match", 2) -- as the host does
      end
      local text = self.buffer:sub(1, keep and last or first - 1)
      self.buffer = self.buffer:sub(last + 1)
      return true, text
    end
    local data, why = next_piece(self)
    if not data then
      return nil, why
    end
    self.buffer = self.buffer .. data
  end
end

function Socket:close()
  if not self.connected then
    return false, "socket already closed"
  end
  self.peer.client_closed = true
  self.connected, self.buffer, self.timeout = false, "", 30000
  return true
end

function Socket:set_timeout(ms)
  self.timeout = ms
  return true
end

function Socket:get_info()
  if not self.connected then
    return unconnected()
  end
  return true, "127.0.0.1", 40000, "127.0.0.1", self.port
end

function Socket:bind()
  return true
end

--- The certificate that a server shows: M.certificate("ssl:443", table).
function M.certificate(key, cert)
  certificates[key] = cert
end

function Socket:get_ssl_certificate()
  if not self.secure then
    error("not a TLS socket", 2)
  end
  return certificates[self.peer.key]
end

return M
