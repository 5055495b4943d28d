--- FTP (RFC 959), its TLS (RFC 4217).
--
-- A reply is a code (number) and a message: the text of all its lines without codes, joined by
-- newlines.

local comm, pairs, stdnse, string = require "comm", pairs, require "stdnse", string
local table, tonumber = table, tonumber

local M = {}

local lines_max = 500

--- Reads a reply from a buffer (`stdnse.make_buffer(socket, "\r?\n")`): code, message; nil, reason.
function M.read_reply(buffer)
  local line, reason = buffer()
  if not line then
    return nil, reason
  end
  local code, mark, text = string.match(line, "^(%d%d%d)([ %-]?)(.*)$")
  if not code then
    return nil, "no FTP reply: " .. line
  end
  local lines = { text }
  for _ = 1, mark == "-" and lines_max or 0 do
    line, reason = buffer()
    if not line then
      return nil, reason
    end
    local last = string.match(line, "^" .. code .. " (.*)$")
    lines[#lines + 1] = last or string.match(line, "^" .. code .. "%-(.*)$") or line
    if last or line == code then
      break
    end
  end
  return tonumber(code), table.concat(lines, "\n")
end

--- Connects and reads the greeting: socket, code, message, buffer; nil, reason. `opts`: those of
-- `comm.opencon`.
function M.connect(host, port, opts)
  opts = opts or {}
  local options = { recv_before = true }
  for key, value in pairs(opts) do
    options[key] = value
  end
  local socket, greeting = comm.tryssl(host, port, "", options)
  if not socket then
    return nil, greeting
  end
  local buffer = stdnse.make_buffer(socket, "\r?\n", greeting)
  local code, message = M.read_reply(buffer)
  if not code then
    socket:close()
    return nil, message
  end
  return socket, code, message, buffer
end

--- Says QUIT and closes.
function M.close(socket)
  socket:send("QUIT\r\n")
  socket:close()
end

local function ask(socket, buffer, text)
  local status, reason = socket:send(text .. "\r\n")
  if not status then
    return nil, reason
  end
  return M.read_reply(buffer)
end

--- Logs in: true, code, message when it worked; false, code, message when it did not; nil, reason
-- when the connection broke.
function M.auth(socket, buffer, username, password, acct)
  local code, message = ask(socket, buffer, "USER " .. username)
  if code == 331 then
    code, message = ask(socket, buffer, "PASS " .. password)
  end
  if code == 332 then
    code, message = ask(socket, buffer, "ACCT " .. (acct or username))
  end
  if not code then
    return nil, message
  end
  return code >= 200 and code < 300, code, message
end

--- Switches to TLS: true, or false and the reason.
function M.starttls(socket, buffer)
  local code, message = ask(socket, buffer, "AUTH TLS")
  if code ~= 234 then
    return false, message or "AUTH TLS was refused"
  end
  local status, reason = socket:reconnect_ssl()
  if not status then
    return false, reason
  end
  return true
end

--- Opens a passive data connection to the address of the control connection (never to another that
-- the server may name). The socket, or nil and the reason.
function M.pasv(socket, buffer)
  local status, _, _, address = socket:get_info()
  if not status then
    return nil, "the control connection is closed"
  end
  local port
  if string.find(address, ":", 1, true) then
    local code, message = ask(socket, buffer, "EPSV")
    port = code == 229 and tonumber(string.match(message, "%([!-~]%p%p(%d%d?%d?%d?%d?)%p%)"))
  else
    local code, message = ask(socket, buffer, "PASV")
    local high, low = string.match(code == 227 and message or "",
      "%f[%d]%d%d?%d?,%d+,%d+,%d+,(%d+),(%d+)")
    port = high and tonumber(high) * 256 + tonumber(low)
  end
  if not port or port < 1 or port > 65535 then
    return nil, "no passive port"
  end
  return comm.opencon(address, port, nil, { connect_only = true, proto = "tcp" })
end

return M
