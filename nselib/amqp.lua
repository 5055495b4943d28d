--- AMQP 0-9-1: the server's greeting (Connection.Start), which tells what the server is.

local error, ipairs, match, nmap = error, ipairs, require "match", require "nmap"
local pcall, setmetatable, string = pcall, setmetatable, string
local tostring, type = tostring, type

local M = {}

local frame_max, depth_max = 131072, 8

-- Fields of a table by their letter (section 4.2.1 with the letters in use): pack formats.
local numbers = { t = "B", b = "b", B = "B", U = ">i2", u = ">I2", s = ">i2", I = ">i4",
  i = ">I4", L = ">i8", l = ">i8", f = ">f", d = ">d", T = ">I8" }

local read_table

local function read_value(text, at, depth)
  local kind = string.sub(text, at, at)
  at = at + 1
  if kind == "t" then
    return string.byte(text, at) ~= 0, at + 1
  elseif numbers[kind] then
    return string.unpack(numbers[kind], text, at)
  elseif kind == "S" or kind == "x" then
    return string.unpack(">s4", text, at)
  elseif kind == "F" then
    return read_table(text, at, depth + 1)
  elseif kind == "V" then
    return "", at
  elseif kind == "A" then
    local bytes, after = string.unpack(">s4", text, at)
    return ("array of %d bytes"):format(#bytes), after
  end
  error("unknown field " .. kind, 0)
end

-- A table of fields: { { name, value }, ... } in their order.
function read_table(text, at, depth)
  local bytes, after = string.unpack(">s4", text, at)
  local fields, here = {}, 1
  if depth > depth_max then
    error("nests too deeply", 0)
  end
  while here <= #bytes do
    local name, value
    name, here = string.unpack("s1", bytes, here)
    value, here = read_value(bytes, here, depth)
    fields[#fields + 1] = { name, value }
  end
  return fields, after
end

--- A conversation.
M.AMQP = {}
M.AMQP.__index = M.AMQP

function M.AMQP:new(host, port)
  return setmetatable({ host = host, port = port }, self)
end

function M.AMQP:connect()
  self.socket = nmap.new_socket()
  self.socket:set_timeout(5000)
  local host, port = self.host, self.port
  return self.socket:connect(host, port)
end

function M.AMQP:disconnect()
  return self.socket:close()
end

-- Connection.Start: class 10, method 10, version, properties, mechanisms, locales.
local function parse_start(self, payload)
  local class, method, major, minor, at = string.unpack(">I2I2BB", payload)
  if class ~= 10 or method ~= 10 then
    error("no Connection.Start", 0)
  end
  self.version = ("%d-%d"):format(major, minor)
  self.properties, at = read_table(payload, at, 1)
  self.mechanisms, at = string.unpack(">s4", payload, at)
  self.locales = string.unpack(">s4", payload, at)
end

--- Sends the protocol's header and reads the greeting: true, or false and the reason.
function M.AMQP:handshake()
  local status, reason = self.socket:send("AMQP\0\0\9\1")
  if not status then
    return false, reason
  end
  local head, payload
  status, head = self.socket:receive_buf(match.numbytes(7), true)
  if not status then
    return false, head
  end
  local kind, _, length = string.unpack(">BI2I4", head)
  if kind ~= 1 or length > frame_max then
    return false, "no AMQP 0-9-1 server"
  end
  status, payload = match.read(self.socket, length)
  if not status then
    return false, payload
  end
  local ok, message = pcall(parse_start, self, payload)
  return ok, message
end

-- Fields as lines "name: value"; a table within becomes a list of its own.
local function lines_of(fields)
  local lines = {}
  for _, field in ipairs(fields) do
    if type(field[2]) == "table" then
      local inner = lines_of(field[2])
      inner.name = field[1] .. ": "
      lines[#lines + 1] = inner
    else
      local value = field[2] == true and "YES" or field[2] == false and "NO" or tostring(field[2])
      lines[#lines + 1] = field[1] .. ": " .. value
    end
  end
  return lines
end

--- What the server says of itself, and how one may log in and in which languages, for
-- stdnse.format_output.
function M.AMQP:getServerProperties()
  local lines = lines_of(self.properties)
  lines[#lines + 1] = "mechanisms: " .. self.mechanisms
  lines[#lines + 1] = "locales: " .. self.locales
  return lines
end

--- A property of the server by its name, or nil.
function M.AMQP:getServerProduct()
  return self:property("product")
end
function M.AMQP:getServerVersion()
  return self:property("version")
end
function M.AMQP:property(name)
  for _, field in ipairs(self.properties) do
    if field[1] == name then
      return field[2]
    end
  end
end
function M.AMQP:getProtocolVersion()
  return self.version
end
function M.AMQP:getMechanisms()
  return self.mechanisms
end
function M.AMQP:getLocales()
  return self.locales
end

return M
