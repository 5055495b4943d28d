--- Java RMI's registry (Java Remote Method Invocation Specification, chapter 10) and as much of
-- serialized objects (Java Object Serialization Specification, chapter 6) as tells what they are.
-- Nothing of them is made alive: no class is loaded, nothing is called but list() and lookup().
--
--     local registry, reason = jrmp.connect(host, port)
--     local names, reason = registry:list()          -- array of names
--     local object, reason = registry:lookup(name)   -- { interfaces, classes, address, port }
--     registry:close()

local comm, ipairs, pcall, setmetatable = require "comm", ipairs, pcall, setmetatable
local string, table, type = string, table, type

local M = {}

local answer_max, depth_max, handles_max, names_max = 65536, 32, 4096, 256

-- Serialized objects ------------------------------------------------------------------------------

-- What fails because the text is not long enough is told apart: more of it may come.
local short = {}

local Reader = {}
Reader.__index = Reader

function Reader:take(format)
  local size = string.packsize(format)
  if self.at + size - 1 > #self.data then
    error(short, 0)
  end
  local value
  value, self.at = string.unpack(format, self.data, self.at)
  return value
end

function Reader:bytes(length)
  if length < 0 or length > answer_max then
    error("a length that makes no sense", 0)
  elseif self.at + length - 1 > #self.data then
    error(short, 0)
  end
  self.at = self.at + length
  return string.sub(self.data, self.at - length, self.at - 1)
end

function Reader:text()
  return self:bytes(self:take(">I2"))
end

function Reader:handle(value)
  if #self.handles >= handles_max then
    error("too many objects", 0)
  end
  self.handles[#self.handles + 1] = value
  return value
end

local sizes = { B = 1, C = 2, D = 8, F = 4, I = 4, J = 8, S = 2, Z = 1 }

-- Contents up to the end mark: what was written by hand behind an object or a class. Blocks of an
-- object tell where it lives, texts of a class where it can be had.
function Reader:annotation(object)
  while true do
    local value = self:content()
    if value == "end" then
      return
    elseif type(value) == "table" and value.block and object.blocks then
      object.blocks[#object.blocks + 1] = value.block
    elseif type(value) == "table" and value.text and object.texts then
      object.texts[#object.texts + 1] = value.text
    end
  end
end

local contents = {}

contents[0x70] = function() -- null
end

contents[0x71] = function(self)
  return self.handles[self:take(">I4") - 0x7e0000 + 1]
end

contents[0x72] = function(self) -- a class
  local class = { name = self:text(), fields = {}, texts = {} }
  self:bytes(8)
  self:handle(class)
  class.flags = self:take("B")
  for i = 1, self:take(">I2") do
    local kind, name, of = self:bytes(1), self:text(), nil
    if kind == "L" or kind == "[" then
      of = self:content()
    elseif not sizes[kind] then
      error("a field of no known kind", 0)
    end
    class.fields[i] = { kind = kind, name = name, of = type(of) == "table" and of.text or nil }
  end
  self:annotation(class)
  class.super = self:content()
  return class
end

contents[0x7d] = function(self) -- a class that only stands for interfaces
  local class = self:handle({ name = "proxy", fields = {}, texts = {}, flags = 2,
    interfaces = {} })
  for i = 1, self:take(">I4") do
    class.interfaces[i] = self:text()
  end
  self:annotation(class)
  class.super = self:content()
  return class
end

-- The fields that one class of an object wrote.
function Reader:fields(object, class)
  if class.flags & 2 ~= 0 then
    for _, field in ipairs(class.fields) do
      if sizes[field.kind] then
        self:bytes(sizes[field.kind])
      else
        self:value(object, class, field)
      end
    end
  end
  if class.flags & 3 == 3 or class.flags & 12 == 12 then
    self:annotation(object)
  end
end

-- A class and those that it extends, the topmost first; a stream may name itself as its parent.
local function lineage(class)
  local list = {}
  while type(class) == "table" and class.fields do
    if #list >= depth_max then
      error("too many parents", 0)
    end
    table.insert(list, 1, class)
    class = class.super
  end
  return list
end

contents[0x73] = function(self) -- an object
  local class = self:content()
  local object = self:handle({ class = class, blocks = {}, parts = {}, members = {} })
  for _, each in ipairs(lineage(class)) do
    self:fields(object, each)
  end
  return object
end

contents[0x74] = function(self)
  return self:handle({ text = self:text() })
end

contents[0x75] = function(self) -- an array
  local class = self:content()
  local array = self:handle({ items = {} })
  local kind = type(class) == "table" and class.name and string.sub(class.name, 2, 2)
  for i = 1, self:take(">i4") do
    if sizes[kind] then
      self:bytes(sizes[kind])
    else
      array.items[i] = self:content() or false
    end
  end
  return array
end

contents[0x76] = function(self)
  return self:handle({ of = self:content() })
end

contents[0x77] = function(self)
  return { block = self:bytes(self:take("B")) }
end

contents[0x78] = function()
  return "end"
end

contents[0x7a] = function(self)
  return { block = self:bytes(self:take(">i4")) }
end

contents[0x7e] = function(self) -- one of an enumeration
  local class = self:content()
  local item = self:handle({ class = class, blocks = {}, parts = {}, members = {} })
  self:content()
  return item
end

function Reader:content()
  local read = contents[self:take("B")]
  self.depth = self.depth + 1
  if not read or self.depth > depth_max then
    error(read and "objects nest too deeply" or "not a serialized object", 0)
  end
  local value = read(self)
  self.depth = self.depth - 1
  return value
end

function Reader:value(object, class, field)
  local value = self:content()
  if type(value) == "table" and value.class then
    object.parts[#object.parts + 1] = value
    object.members[#object.members + 1] = { class = class, name = field.name, of = field.of or "",
      value = value }
  end
end

-- A return (10.2): the stream's header, whether it worked, the identifier of the call, the value.
local function read_return(data)
  local reader = setmetatable({ data = data, at = 1, handles = {}, depth = 0 }, Reader)
  if reader:take("B") ~= 0x51 or reader:take(">I4") ~= 0xaced0005 then
    error("no answer of RMI", 0)
  end
  local head = reader:content()
  if type(head) ~= "table" or not head.block or #head.block < 15 then
    error("no answer of RMI", 0)
  elseif string.byte(head.block) ~= 1 then
    error("the registry refused", 0)
  end
  return { value = reader:content() }, reader.at - 1
end

--- Reads an answer: { value } and its length; nil and the reason, which is "short" when more has to
-- come.
function M.parse_return(data)
  local ok, result, length = pcall(read_return, data)
  if ok then
    return result, length
  end
  return nil, result == short and "short" or result
end

--- Where the calls of an object go: address and port, nil for none. UnicastRef and UnicastRef2 as they
-- are written, behind their name.
function M.endpoint(object)
  local ok, kind, at = pcall(string.unpack, ">s2", object.blocks[1] or "")
  if not ok or not string.find(kind, "^UnicastRef2?$") then
    return nil
  end
  local read, address, port = pcall(string.unpack, (kind == "UnicastRef2" and ">x" or ">")
    .. "s2I4", object.blocks[1], at)
  if read then
    return address, port
  end
end

local function add_name(list, name)
  if #list < names_max then
    list[#list + 1] = name
  end
end

-- Objects may hold each other in circles: each counts once.
local function describe_into(info, object, depth, seen)
  local class = object.class
  seen[object] = true
  for _, name in ipairs(class and class.interfaces or {}) do
    add_name(info.interfaces, name)
  end
  for _, each in ipairs(lineage(class)) do
    if not each.interfaces then
      add_name(info.classes, each.name)
    end
  end
  local address, port = M.endpoint(object)
  info.address, info.port = info.address or address, info.port or port
  for _, part in ipairs(depth < depth_max and object.parts or {}) do
    if not seen[part] then
      describe_into(info, part, depth + 1, seen)
    end
  end
end

--- What an object is: { interfaces, classes (arrays of names), address, port }.
function M.describe(value)
  local info = { interfaces = {}, classes = {} }
  if type(value) == "table" and value.class then
    describe_into(info, value, 1, {})
  end
  return info
end

-- The registry ------------------------------------------------------------------------------------

local Registry = {}
Registry.__index = Registry

-- The interface of java.rmi.registry.Registry, and the numbers of its methods there.
local interface, op_list, op_lookup = 0x44154dc9d4e63bdf, 1, 2

--- Connects and agrees on the stream protocol (10.2): the registry; nil, reason.
function M.connect(host, port)
  local socket, reason = comm.opencon(host, port, nil, { connect_only = true, proto = "tcp",
    timeout = 5000 })
  if not socket then
    return nil, reason
  end
  socket:send("JRMI\0\2\x4b")
  local status, answer = socket:receive_buf(function(data)
    local length = #data >= 3 and string.unpack(">I2", data, 2) + 7
    if data ~= "" and string.byte(data) ~= 0x4e then
      return #data, #data
    elseif length and #data >= length then
      return length, length
    end
  end, true)
  if not status or string.byte(answer) ~= 0x4e then
    socket:close()
    return nil, status and "no RMI" or answer
  end
  -- our own end of the connection, as the server sees it
  socket:send(string.sub(answer, 2, -5) .. "\0\0\0\0")
  return setmetatable({ socket = socket }, Registry)
end

--- Sends a call: of which object (0 the registry, 2 who collects garbage), the hash of its interface,
-- the number of the method there, arguments as they go over the wire.
function Registry:send_call(object, hash, operation, arguments)
  return self.socket:send("\x50\xac\xed\0\5\x77\x22" .. string.pack(">I8I4I8I2I4i8", object, 0, 0, 0,
    operation, hash) .. arguments)
end

function Registry:call(operation, arguments)
  self:send_call(0, interface, operation, arguments)
  local result, why
  local status, reason = self.socket:receive_buf(function(data)
    result, why = M.parse_return(data)
    if result or why ~= "short" or #data > answer_max then
      return #data, #data
    end
  end, true)
  if not status then
    return nil, reason
  end
  return result, why
end

--- The names that are bound: an array of texts; nil, reason.
function Registry:list()
  local result, reason = self:call(op_list, "")
  local value = result and result.value
  if type(value) ~= "table" or not value.items then
    return nil, reason or "no list"
  end
  local names = {}
  for _, item in ipairs(value.items) do
    if type(item) == "table" and item.text then
      names[#names + 1] = item.text
    end
  end
  return names
end

--- The object behind a name as it was read; nil, reason.
function Registry:fetch(name)
  local result, reason = self:call(op_lookup, string.pack(">Bs2", 0x74, name))
  if not result then
    return nil, reason
  end
  return result.value or {}
end

--- What stands behind a name, see describe(); nil, reason.
function Registry:lookup(name)
  local value, reason = self:fetch(name)
  return value and M.describe(value), reason
end

function Registry:close()
  self.socket:close()
end

return M
