--- Telnet (RFC 854, RFC 855): the negotiation of options, without a terminal behind it.
--
--     local session = telnet.Session:open(host, port, telnet.command("DO", telnet.OPTION.ENCRYPT))
--     for item in session:items() do ... end
--
-- An item is { kind = "DO", "DONT", "WILL" or "WONT", option = number }, { kind = "SB", option =,
-- data = } or { kind = "text", data = }.

local comm, setmetatable, string, table = require "comm", setmetatable, string, table

local M = {}

M.OPTION = { ECHO = 1, SGA = 3, TERMINAL_TYPE = 24, NAWS = 31, AUTHENTICATION = 37, ENCRYPT = 38 }

local IAC, SE, SB = 255, 240, 250
local verbs = { [251] = "WILL", [252] = "WONT", [253] = "DO", [254] = "DONT" }
local codes = { WILL = 251, WONT = 252, DO = 253, DONT = 254 }

local items_max, buffer_max = 500, 65536

--- The bytes of IAC verb option.
function M.command(verb, option)
  return string.char(IAC, codes[verb], option)
end

--- The bytes of a subnegotiation; IAC within the data is doubled.
function M.subnegotiation(option, data)
  return string.char(IAC, SB, option) .. string.gsub(data, "\xff", "\xff\xff")
    .. string.char(IAC, SE)
end

-- IAC SB option data IAC SE at `at`: item, position after it; nil when it is not whole.
local function read_sub(text, at)
  local from = at + 3
  while true do
    local mark = string.find(text, "\xff", from, true)
    local after = mark and string.byte(text, mark + 1)
    if not after then
      return nil
    elseif after == SE then
      return {
        kind = "SB", option = string.byte(text, at + 2) or 0,
        data = (string.gsub(string.sub(text, at + 3, mark - 1), "\xff\xff", "\xff")),
      }, mark + 2
    end
    from = mark + 2
  end
end

--- The first item of `text` and the position after it; nil when more bytes are needed.
function M.read(text, at)
  at = at or 1
  local mark = string.find(text, "\xff", at, true)
  if mark ~= at then
    local data = string.sub(text, at, (mark or #text + 1) - 1)
    if data == "" then
      return nil
    end
    return { kind = "text", data = data }, at + #data
  end
  local code = string.byte(text, at + 1)
  if code == SB then
    return read_sub(text, at)
  elseif verbs[code] then
    local option = string.byte(text, at + 2)
    if not option then
      return nil
    end
    return { kind = verbs[code], option = option }, at + 3
  elseif code then
    return { kind = "text", data = code == IAC and "\xff" or "" }, at + 2
  end
end

M.Session = {}
M.Session.__index = M.Session

--- Connects (over TLS where the port speaks it), says `hello` and waits for the first answer: a
-- session, or nil and the reason.
function M.Session:open(host, port, hello, timeout)
  local socket, answer = comm.tryssl(host, port, hello, { timeout = timeout or 5000 })
  if not socket then
    return nil, answer
  end
  return setmetatable({ socket = socket, buffer = answer }, self)
end

function M.Session:send(...)
  return self.socket:send(table.concat({ ... }))
end

--- The next item, or nil and the reason (the server is silent, gone, or says too much).
function M.Session:receive()
  while #self.buffer <= buffer_max do
    local item, after = M.read(self.buffer)
    if item then
      self.buffer = string.sub(self.buffer, after)
      return item
    end
    local status, data = self.socket:receive()
    if not status then
      return nil, data
    end
    self.buffer = self.buffer .. data
  end
  return nil, "an item without an end"
end

--- Refuses what the server asks for or offers; other items need no answer.
function M.Session:refuse(item)
  if item.kind == "DO" then
    return self:send(M.command("WONT", item.option))
  elseif item.kind == "WILL" then
    return self:send(M.command("DONT", item.option))
  end
end

--- Iterates over items until the server says no more; at most 500.
function M.Session:items()
  local count = 0
  return function()
    count = count + 1
    return count <= items_max and self:receive() or nil
  end
end

function M.Session:close()
  return self.socket:close()
end

return M
