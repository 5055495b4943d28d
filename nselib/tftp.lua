--- TFTP (RFC 1350, options of RFC 2347): asking a server for a file, and a small server of our own
-- that takes files which devices are told to send us.

local ipairs, nmap, setmetatable = ipairs, require "nmap", setmetatable
local stdnse, string, table, tostring = require "stdnse", string, table, tostring

local M = {}

local file_max, files_max, blocks_max = 4 * 1024 * 1024, 64, 8192

M.OpCode = { RRQ = 1, WRQ = 2, DATA = 3, ACK = 4, ERROR = 5, OACK = 6 }

--- Packets that one sends; tostring gives their bytes.
M.Packet = { ACK = {}, ERROR = {} }
M.Packet.ACK.__index, M.Packet.ERROR.__index = M.Packet.ACK, M.Packet.ERROR

function M.Packet.ACK:new(block)
  return setmetatable({ block = block }, self)
end

function M.Packet.ACK:__tostring()
  return string.pack(">I2I2", M.OpCode.ACK, self.block & 0xffff)
end

function M.Packet.ERROR:new(code, message)
  return setmetatable({ code = code, msg = message or "" }, self)
end

function M.Packet.ERROR:__tostring()
  return string.pack(">I2I2z", M.OpCode.ERROR, self.code, self.msg)
end

--- A request to read a file, with options { { name, value } }.
function M.read_request(name, options)
  local out = string.pack(">I2zz", M.OpCode.RRQ, name, "octet")
  for _, option in ipairs(options or {}) do
    out = out .. string.pack("zz", option[1], tostring(option[2]))
  end
  return out
end

--- What a server answers: { op, block, data } or { op, code, message } or { op, options }; nil when
-- it is no TFTP.
function M.parse(data)
  if #data < 4 then
    return nil
  end
  local op, number = string.unpack(">I2I2", data)
  if op == M.OpCode.DATA or op == M.OpCode.ACK then
    return { op = op, block = number, data = string.sub(data, 5) }
  elseif op == M.OpCode.ERROR and number <= 8 then
    return { op = op, code = number, message = string.match(data, "^%Z*", 5) }
  elseif op == M.OpCode.OACK then
    local options = {}
    for name, value in string.gmatch(string.sub(data, 3), "%f[%Z](%Z+)%z(%Z*)%z") do
      options[string.lower(name)] = value
    end
    return { op = op, options = options }
  end
end

--- A file that was sent to us.
M.File = {}
M.File.__index = M.File

function M.File:new(name, content, sender)
  return setmetatable({ name = name, content = content, sender = sender }, self)
end

function M.File:getContent()
  return self.content
end

function M.File:setContent(content)
  self.content = content
end

function M.File:getName()
  return self.name
end

function M.File:setName(name)
  self.name = name
end

function M.File:getSender()
  return self.sender
end

function M.File:setSender(sender)
  self.sender = sender
end

-- The server --------------------------------------------------------------------------------------

local state = { files = {}, running = false }

local function keep(file)
  if #state.files < files_max then
    state.files[#state.files + 1] = file
  end
end

-- Takes one file: the request came, its blocks follow.
local function receive_file(socket, name)
  local parts, size = {}, 0
  local _, _, _, sender, port = socket:get_info()
  for block = 0, blocks_max do
    socket:sendto(sender, port, tostring(M.Packet.ACK:new(block)))
    local status, data = socket:receive()
    local packet = status and M.parse(data)
    if not packet or packet.op ~= M.OpCode.DATA or packet.block ~= block + 1 & 0xffff then
      return
    end
    parts[#parts + 1], size = packet.data, size + #packet.data
    if size > file_max then
      socket:sendto(sender, port, tostring(M.Packet.ERROR:new(3, "too large")))
      return
    elseif #packet.data < 512 then
      socket:sendto(sender, port, tostring(M.Packet.ACK:new(block + 1)))
      keep(M.File:new(name, table.concat(parts), sender))
      return
    end
  end
end

local function serve()
  local socket = nmap.new_socket("udp")
  socket:set_timeout(2000)
  if not socket:bind(nil, 69) then
    state.running = false
    return
  end
  while state.waiting > 0 do
    local status, data = socket:receive()
    local op = status and #data > 4 and string.unpack(">I2", data)
    if op == M.OpCode.WRQ then
      receive_file(socket, string.match(data, "^%Z*", 3))
    end
  end
  socket:close()
  state.running = false
end

--- Starts the server, where it does not run yet.
function M.start()
  state.waiting = (state.waiting or 0) + 1
  if not state.running then
    state.running = true
    stdnse.new_thread(serve)
  end
end

--- Waits for a file, at most `timeout` seconds: `true, File` or `false`.
function M.waitFile(name, timeout)
  local deadline = nmap.clock_ms() + timeout * 1000
  repeat
    for i, file in ipairs(state.files) do
      if file.name == name then
        state.waiting = state.waiting - 1
        return true, table.remove(state.files, i)
      end
    end
    stdnse.sleep(0.5)
  until nmap.clock_ms() >= deadline or not state.running
  state.waiting = state.waiting - 1
  return false
end

return M
