--- Redis: commands and replies of its protocol (RESP 2).
--
-- A reply is a table { type =, data = }; types are those of `Response.Type`. Data: a text, a
-- number, or, of an array, the array of its replies.

local comm, ipairs, match, math = require "comm", ipairs, require "match", math
local select, setmetatable, string, table = select, setmetatable, string, table
local tonumber, tostring = tonumber, tostring

local M = {}

local line_max, bulk_max, items_max, depth_max = 65536, 4 * 1024 * 1024, 10000, 8

--- A command: an array of bulk strings. `tostring` gives its bytes.
M.Request = {}
M.Request.__index = M.Request

function M.Request:new(cmd, ...)
  local o = setmetatable({ args = { tostring(cmd) } }, self)
  for i = 1, select("#", ...) do
    o.args[i + 1] = tostring((select(i, ...)))
  end
  return o
end

function M.Request:__tostring()
  local out = { "*" .. #self.args .. "\r\n" }
  for _, argument in ipairs(self.args) do
    out[#out + 1] = "$" .. #argument .. "\r\n" .. argument .. "\r\n"
  end
  return table.concat(out)
end

--- Reads replies from a socket.
M.Response = {
  Type = { STATUS = 0, ERROR = 1, INTEGER = 2, BULK = 3, MULTIBULK = 4 },
}
M.Response.__index = M.Response
local Type = M.Response.Type

function M.Response:new(socket)
  return setmetatable({ socket = socket }, self)
end

local function read_bulk(socket, length)
  if length < 0 then
    return true, nil
  elseif length > bulk_max then
    return false, "the reply is too long"
  end
  local status, data = socket:receive_buf(match.numbytes(length + 2), true)
  if not status then
    return false, data
  end
  return true, string.sub(data, 1, length)
end

local function read_reply(socket, depth)
  local status, line = socket:receive_buf(match.pattern_limit("\r\n", line_max), false)
  if not status then
    return false, line
  end
  local mark, rest = string.match(line, "^([+%-:$*])(.*)$")
  local number = math.tointeger(tonumber(string.match(rest or "", "^[+-]?%d+$") or ""))
  if mark == "+" then
    return true, { type = Type.STATUS, data = rest }
  elseif mark == "-" then
    return true, { type = Type.ERROR, data = rest }
  elseif mark == ":" and number then
    return true, { type = Type.INTEGER, data = number }
  elseif mark == "$" and number then
    local ok, data = read_bulk(socket, number)
    if not ok then
      return false, data
    end
    return true, { type = Type.BULK, data = data }
  elseif mark == "*" and number and number <= items_max and depth < depth_max then
    local items = {}
    for i = 1, number do
      local ok, item = read_reply(socket, depth + 1)
      if not ok then
        return false, item
      end
      items[i] = item
    end
    return true, { type = Type.MULTIBULK, data = items }
  end
  return false, "no Redis reply"
end

--- Reads one reply: `true, reply` or `false, reason`.
function M.Response:receive()
  return read_reply(self.socket, 1)
end

--- A conversation.
M.Helper = {}
M.Helper.__index = M.Helper

function M.Helper:new(host, port)
  return setmetatable({ host = host, port = port }, self)
end

--- Connects, over TLS where the server speaks it; or takes a socket that is connected. True, or
-- false and the reason.
function M.Helper:connect(socket)
  if socket then
    self.socket = socket
    return true
  end
  local reason
  self.socket, reason = comm.tryssl(self.host, self.port, tostring(M.Request:new("PING")),
    { timeout = 10000 })
  if not self.socket then
    return false, reason
  end
  return true
end

--- Sends a command and reads its reply: `true, reply` or `false, reason`.
function M.Helper:reqCmd(cmd, ...)
  local status, reason = self.socket:send(tostring(M.Request:new(cmd, ...)))
  if not status then
    return false, reason
  end
  return M.Response:new(self.socket):receive()
end

--- Closes the connection.
function M.Helper:close()
  return self.socket:close()
end

return M
