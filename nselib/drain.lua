--- Servers that say all they have and close: finger, gopher, statistics over a bare connection.

local nmap, stdnse, string, table = require "nmap", require "stdnse", string, table
local type = type

local M = {}

local bytes_default, pieces_max = 262144, 4096

--- Connects, sends `data` (nil for nothing) and reads until the server closes or pauses.
-- `options`: `timeout` (milliseconds; by the host's round trips when nil), `bytes_max` (262144),
-- `last` (function(text): is that all already?). The text, or nil and the reason. What came before
-- a break counts.
function M.all(host, port, data, options)
  options = options or {}
  local socket = nmap.new_socket(type(port) == "table" and port.protocol or "tcp")
  socket:set_timeout(options.timeout or stdnse.get_timeout(host))
  local status, reason = socket:connect(host, port)
  if status and data then
    status, reason = socket:send(data)
  end
  if not status then
    socket:close()
    return nil, reason
  end
  local pieces, n = {}, 0
  repeat
    local piece
    status, piece = socket:receive()
    if status then
      pieces[#pieces + 1], n = piece, n + #piece
    else
      reason = piece
    end
  until not status or n >= (options.bytes_max or bytes_default) or #pieces >= pieces_max
    or options.last and options.last(table.concat(pieces))
  socket:close()
  if n == 0 then
    return nil, reason
  end
  return string.sub(table.concat(pieces), 1, options.bytes_max or bytes_default)
end

return M
