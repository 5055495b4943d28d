description = [[
Finds FTP servers that let anyone in as anonymous, and shows what lies in the first directory.
]]
---
-- @args ftp-anon.maxlist  How many entries to show (20; -1 for all).
--
-- @output
-- | ftp-anon: Anonymous FTP login allowed (FTP code 230)
-- |_drwxr-xr-x    2 0        0              60 Jan 31  2024 pub

author = "Muster"
license = "Apache-2.0"
categories = { "auth", "default", "safe" }

identity = {}
volatile = {}
finding = "medium"

local ftp = require "ftp"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.port_or_service({ 21, 990 }, { "ftp", "ftps" })

local list_bytes_max = 65536

-- The lines of LIST, or nil and the reason.
local function list_directory(socket, buffer)
  local data, reason = ftp.pasv(socket, buffer)
  if not data then
    return nil, reason
  end
  socket:send("LIST\r\n")
  local code, message = ftp.read_reply(buffer)
  if code ~= 150 and code ~= 125 then
    data:close()
    return nil, message
  end
  local pieces, size = {}, 0
  repeat
    local status, piece = data:receive()
    pieces[#pieces + 1] = status and piece or ""
    size = size + #pieces[#pieces]
  until not status or size > list_bytes_max
  data:close()
  local lines = {}
  for line in table.concat(pieces):gmatch("[^\r\n]+") do
    lines[#lines + 1] = line
  end
  return lines
end

local function is_writable(line)
  return line:find("^d.......w") ~= nil
end

local function shown(lines)
  local max = tonumber(stdnse.get_script_args(SCRIPT_NAME .. ".maxlist") or "")
  max = max or (nmap.verbosity() < 2 and 20 or 60)
  local out = {}
  for i, line in ipairs(lines) do
    if max >= 0 and i > max then
      out[#out + 1] = "Only " .. max .. " shown. Use --script-args " .. SCRIPT_NAME
        .. ".maxlist=-1 to see all."
      break
    end
    out[#out + 1] = line .. (is_writable(line) and " [NSE: writeable]" or "")
  end
  return out
end

function action(host, port)
  local socket, code, message, buffer = ftp.connect(host, port, { request_timeout = 8000 })
  if not socket then
    stdnse.debug1("%s", tostring(code))
    return nil
  elseif code ~= 220 then
    stdnse.debug1("%d %s", code, message)
    socket:close()
    return nil
  end
  local status
  status, code, message = ftp.auth(socket, buffer, "anonymous", "IEUser@")
  if not status then
    stdnse.debug1("%s %s", tostring(code), tostring(message))
    ftp.close(socket)
    return nil
  end
  local lines = { "Anonymous FTP login allowed (FTP code " .. code .. ")" }
  local list, reason = list_directory(socket, buffer)
  if list then
    table.move(shown(list), 1, #list + 1, 2, lines)
  else
    lines[2] = "Can't get directory listing: " .. tostring(reason)
  end
  ftp.close(socket)
  return table.concat(lines, "\n")
end
