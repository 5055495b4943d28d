--- Java RMI's registry by the names that scripts know; how it is asked stands in jrmp.
--
--     local registry = rmi.Registry:new(host, port)
--     local status, array = registry:list()           -- array:getValues(): names
--     local status, object = registry:lookup("name")  -- object:toTable(): lines for format_output

local ipairs, jrmp, require, setmetatable = ipairs, require "jrmp", require, setmetatable
local string, table, tonumber, type = string, table, tonumber, type

local M = {}

local depth_max = 32

--- What was read of an object. customDataFormatter(class name, texts), which a script may set, gives a
-- title and lines for where its class can be had.
M.JavaClass = {}
M.JavaClass.__index = M.JavaClass

local lines_of

-- A class as lines: its name, what it stands for, its fields, the class above it. `object`: whose;
-- `seen`: the objects that were told.
local function class_lines(class, object, depth, seen)
  local lines = {}
  if class.interfaces then
    local names = {}
    for i, name in ipairs(class.interfaces) do
      names[i] = name .. ", "
    end
    lines[1] = " implements " .. table.concat(names)
  else
    lines[1] = class.name
  end
  local fields = {}
  for _, member in ipairs(object.members) do
    if member.class == class then
      fields[#fields + 1] = { member.of .. " " .. member.name,
        lines_of(member.value, depth + 1, seen) }
    end
  end
  if #fields > 0 then
    table.move({ "fields", fields }, 1, 2, 2, lines)
  end
  if type(class.super) == "table" and class.super.fields and depth < depth_max then
    local above = class_lines(class.super, object, depth + 1, seen)
    table.move({ "extends", above }, 1, 2, #lines + 1, lines)
  end
  return lines
end

-- Objects may hold each other in circles: of one that was told already, the name of its class.
function lines_of(object, depth, seen)
  if type(object.class) ~= "table" or not object.class.fields or depth > depth_max then
    return {}
  elseif seen[object] then
    return { object.class.name }
  end
  seen[object] = true
  local lines = class_lines(object.class, object, depth, seen)
  local address, port = jrmp.endpoint(object)
  if address then
    table.insert(lines, 2, ("@%s:%d"):format(address, port))
  end
  return lines
end

-- Where the classes of an object can be had: each says the same, or nothing.
local function texts_of(object)
  local class, texts = object.class, {}
  for _ = 1, depth_max do
    if type(class) ~= "table" or not class.fields then
      break
    end
    table.move(class.texts, 1, #class.texts, #texts + 1, texts)
    class = class.super
  end
  return texts
end

--- The object as nested lists of lines.
function M.JavaClass:toTable()
  local object = self.object
  local lines = type(object.class) == "table" and lines_of(object, 1, {}) or {}
  local texts = lines[1] and texts_of(object) or {}
  if M.JavaClass.customDataFormatter and #texts > 0 then
    local title, more = M.JavaClass.customDataFormatter(object.class.name, texts)
    if title then
      lines[#lines + 1] = title
      lines[#lines + 1] = more
    end
  end
  return lines
end

M.JavaArray = {}
M.JavaArray.__index = M.JavaArray

--- Its values as a list.
function M.JavaArray:getValues()
  return self.values
end

--- Arguments of a call, as they go over the wire.
M.Arguments = {}
M.Arguments.__index = M.Arguments

function M.Arguments:new()
  return setmetatable({ bytes = "" }, self)
end

function M.Arguments:addRaw(bytes)
  self.bytes = self.bytes .. bytes
end

-- What a server says, byte by byte: `bReader.readBuffer` is what of it was read ahead.
local Input = {}
Input.__index = Input

--- Waits until n bytes are there, or all that will come: true, or false and the reason.
function Input:canRead(n)
  local reader = self.bReader
  while #reader.readBuffer < n do
    local status, data = self.socket:receive()
    if not status then
      return #reader.readBuffer > 0, data
    end
    reader.readBuffer = reader.readBuffer .. data
  end
  return true
end

function Input:readByte()
  local status, reason = self:canRead(1)
  if not status then
    return false, reason
  end
  local reader = self.bReader
  local byte = string.byte(reader.readBuffer)
  reader.readBuffer = string.sub(reader.readBuffer, 2)
  return true, byte
end

local Output = {}
Output.__index = Output

--- Calls method `operation` of object number `object`; `hash`: its interface's, 16 hexadecimal digits.
function Output:writeMethodCall(_, object, hash, operation, arguments)
  local high, low = string.match(hash, "^(%x%x%x%x%x%x%x%x)(%x%x%x%x%x%x%x%x)$")
  return self.connection:send_call(object, tonumber(high, 16) << 32 | tonumber(low, 16), operation,
    arguments.bytes)
end

M.Registry = {}
M.Registry.__index = M.Registry

function M.Registry:new(host, port)
  return setmetatable({ host = host, port = port }, self)
end

--- Connects, and agrees on the protocol: true, or false and the reason. Then `out` takes calls, and
-- `out.dis` gives what comes.
function M.Registry:_handshake()
  if self.connection then
    return true
  end
  local reason
  self.connection, reason = jrmp.connect(self.host, self.port)
  if not self.connection then
    return false, reason
  end
  self.out = setmetatable({ connection = self.connection, dis = setmetatable({
    socket = self.connection.socket, bReader = { readBuffer = "" } }, Input) }, Output)
  return true
end

-- Asks on a connection that is there or made: `true, result` or `false, reason`.
local function ask(self, f)
  local status, reason = self:_handshake()
  if not status then
    return false, reason
  end
  local result
  result, reason = f(self.connection)
  return result ~= nil, result or reason
end

--- The names that are bound: `true, array` or `false, reason`.
function M.Registry:list()
  local status, names = ask(self, function(connection)
    return connection:list()
  end)
  return status, status and setmetatable({ values = names }, M.JavaArray) or names
end

--- What is bound to a name: `true, object` or `false, reason`.
function M.Registry:lookup(name)
  local status, object = ask(self, function(connection)
    return connection:fetch(name)
  end)
  return status, status and setmetatable({ object = object }, M.JavaClass) or object
end

return M
