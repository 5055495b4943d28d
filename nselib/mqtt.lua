--- MQTT 3.1.1 (OASIS Standard): packets, and a client that connects, subscribes and listens.

local ipairs, match, nmap = ipairs, require "match", require "nmap"
local rand, setmetatable, shortport = require "rand", setmetatable, require "shortport"
local string, table = string, table

local M = {}

--- Packet types (section 2.2.1).
M.packet = { CONNECT = 1, CONNACK = 2, PUBLISH = 3, PUBACK = 4, SUBSCRIBE = 8, SUBACK = 9,
  PINGREQ = 12, PINGRESP = 13, DISCONNECT = 14 }

local packet_max, packets_max = 262144, 1000

--- What CONNACK's code means (section 3.2.2.3).
M.codes = {
  [0] = "Connection Accepted", [1] = "unacceptable protocol version", [2] = "identifier rejected",
  [3] = "server unavailable", [4] = "bad user name or password", [5] = "not authorized",
}

--- The parts of packets. What reads gives the position after it and the value, or false, reason.
M.MQTT = {}

--- A length in up to four bytes of seven bits each, lowest first (section 2.2.3).
function M.MQTT.length_build(n)
  local length = ""
  repeat
    local byte = n & 127
    n = n >> 7
    length = length .. string.char(n > 0 and byte | 128 or byte)
  until n == 0
  return length
end
function M.MQTT.length_parse(buf, pos)
  local first, length = pos or 1, 0
  for at = first, first + 3 do
    local byte = string.byte(buf, at)
    if not byte then
      return false, "the length is cut short"
    end
    length = length | (byte & 127) << 7 * (at - first)
    if byte & 128 == 0 then
      return at + 1, length
    end
  end
  return false, "the length has more than four bytes"
end

--- A text after its length in two bytes (section 1.5.3).
function M.MQTT.utf8_build(text)
  return string.pack(">s2", text)
end
function M.MQTT.utf8_parse(buf, pos)
  local at = pos or 1
  if at + 1 > #buf or at + 1 + string.unpack(">I2", buf, at) > #buf then
    return false, "the text is cut short"
  end
  local text, after = string.unpack(">s2", buf, at)
  return after, text
end

--- A packet: type, flags, payload.
function M.build(kind, flags, payload)
  return string.char(kind << 4 | flags) .. M.MQTT.length_build(#payload) .. payload
end

-- Where the packet at the beginning of a buffer ends, for receive_buf.
local function boundary(buffer)
  local length, shift, at = 0, 0, 2
  while true do
    local byte = string.byte(buffer, at)
    if not byte then
      return nil
    end
    length = length | (byte & 127) << shift
    at, shift = at + 1, shift + 7
    if byte & 128 == 0 then
      break
    elseif shift > 21 then
      return #buffer, #buffer
    end
  end
  local last = at - 1 + length
  if length > packet_max then
    return #buffer, #buffer
  end
  return #buffer >= last and last or nil, last
end

--- A conversation.
M.Helper = {}
M.Helper.__index = M.Helper

function M.Helper:new(host, port, options)
  return setmetatable({ host = host, port = port, options = options or {} }, self)
end

--- Reads a packet: type, flags, payload; or nil, reason.
function M.Helper:read()
  local status, bytes = self.socket:receive_buf(boundary, true)
  if not status then
    return nil, bytes
  end
  local first, at = string.byte(bytes), 2
  while (string.byte(bytes, at) or 0) & 128 ~= 0 do
    at = at + 1
  end
  return first >> 4, first & 15, string.sub(bytes, at + 1)
end

--- Connects and logs in with a client id (and, when given, user name and password). Answers the
-- code of CONNACK (0 is in), or nil and the reason.
function M.Helper:login(client_id, username, password)
  local secure = self.options.ssl
  if secure == nil then
    secure = shortport.ssl(self.host, self.port)
  end
  self.socket = nmap.new_socket()
  local patience = self.options.timeout or 5000
  self.socket:set_timeout(patience)
  local status, reason = self.socket:connect(self.host, self.port, secure and "ssl" or "tcp")
  if not status then
    return nil, reason
  end
  local flags = 2 | (username and 128 or 0) | (password and 64 or 0)
  local payload = string.pack(">s2BBI2s2", "MQTT", 4, flags, 30, client_id)
  for _, text in ipairs({ username or false, password or false }) do
    payload = payload .. (text and string.pack(">s2", text) or "")
  end
  self.socket:send(M.build(M.packet.CONNECT, 0, payload))
  local kind, why, answer = self:read()
  if kind ~= M.packet.CONNACK or #answer < 2 then
    return nil, kind and "no MQTT broker" or why
  end
  return string.byte(answer, 2)
end

--- The same with what was said in a table, where false or nil stand for what we would say ourselves:
-- { client_id, username, password }: `true, { accepted = bool, reason }` or `false, reason`.
function M.Helper:connect(options)
  local code, reason = self:login(options.client_id or "muster" .. rand.random_alpha(8),
    options.username or nil, options.password or nil)
  if not code then
    return false, reason
  end
  return true, { type = "CONNACK", accepted = code == 0, reason = M.codes[code] or "code " .. code }
end

--- Subscribes to topics at quality 0: true, or nil and the reason.
function M.Helper:subscribe(topics)
  local list = {}
  for i, topic in ipairs(topics) do
    list[i] = string.pack(">s2B", topic, 0)
  end
  return self.socket:send(M.build(M.packet.SUBSCRIBE, 2, "\0\1" .. table.concat(list)))
end

-- Topic and payload of a PUBLISH (section 3.3); nil for a broken one.
local function message_of(flags, body)
  if #body < 2 or #body < 2 + string.unpack(">I2", body) then
    return nil
  end
  local topic, at = string.unpack(">s2", body)
  if flags & 6 ~= 0 then
    at = at + 2                       -- the packet's identifier
  end
  return topic, string.sub(body, at)
end

--- The next message of a topic: topic, payload; or nil and the reason.
function M.Helper:message()
  for _ = 1, packets_max do
    local kind, flags, body = self:read()
    if not kind then
      return nil, flags
    end
    local topic, payload = message_of(flags, body)
    if kind == M.packet.PUBLISH and topic then
      return topic, payload
    end
  end
  return nil, "no messages among very many packets"
end

-- The words that mqtt-subscribe's users see.
local silence = "Failed to receive control packet from server."

-- What a packet says, for `receive`: { type, ... }; nil for a broken one.
local readers = {
  -- a code for each topic (section 3.9.3)
  SUBACK = function(body)
    local filters = {}
    for i = 3, #body do
      local code = string.byte(body, i)
      filters[i - 2] = { success = code < 0x80, max_qos = code & 3 }
    end
    return { type = "SUBACK", filters = filters }
  end,
  PUBLISH = function(body, flags)
    local topic, payload = message_of(flags, body)
    return topic and { type = "PUBLISH", topic = topic, payload = payload,
      message = { topic = topic, payload = payload } }
  end,
}

--- The next packet of one of the types (names): `true, { type, ... }` or `false, reason`. `timeout`:
-- seconds.
function M.Helper:receive(types, timeout)
  self.socket:set_timeout(timeout and timeout * 1000 or self.options.timeout or 5000)
  for _ = 1, packets_max do
    local kind, flags, body = self:read()
    if not kind then
      return false, silence
    end
    for _, name in ipairs(types) do
      if M.packet[name] == kind and readers[name] then
        local response = readers[name](body, flags)
        return response ~= nil, response or "a broken packet"
      end
    end
  end
  return false, "very many packets of other types"
end

--- Subscribes: `kind` "SUBSCRIBE", options { filters = { { filter } } }, answer "SUBACK": `true, {
-- type, filters = { { success, max_qos } } }` or `false, reason`.
function M.Helper:request(kind, options, answer)
  if kind ~= "SUBSCRIBE" then
    return false, "no such request"
  end
  local topics = {}
  for i, item in ipairs(options.filters or {}) do
    topics[i] = item.filter
  end
  local status, reason = self:subscribe(topics)
  if not status then
    return false, reason
  end
  return self:receive({ answer })
end

function M.Helper:close()
  self.socket:send(M.build(M.packet.DISCONNECT, 0, ""))
  return self.socket:close()
end

return M
