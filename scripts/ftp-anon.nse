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

local asker = require "asker"
local ftp = require "ftp"
local shortport = require "shortport"
local stdnse = require "stdnse"

local names = { "ftp", "ftps" }
portrule = shortport.port_or_service({ 21, 990 }, names)

local list_bytes_max = 65536

-- An end of the connection, and 421, which announces one, say nothing of the server: they pass.
local function check_lasting(code, message)
  if not code or code == 421 then
    error(("%s %s"):format(code or "no reply:", message), 0)
  end
end

-- What a data connection brings before it ends. One that breaks off may have had more.
local function receive_all(data)
  local pieces, size, status, piece = {}, 0, true, nil
  while status and size <= list_bytes_max do
    status, piece = data:receive()
    if status then
      pieces[#pieces + 1], size = piece, size + #piece
    end
  end
  data:close()
  if not status and piece ~= "EOF" then
    error("the listing broke off: " .. tostring(piece), 0)
  end
  return table.concat(pieces), not status
end

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
    check_lasting(code, message)
    return nil, message
  end
  local text, ended = receive_all(data)
  code, message = 226, nil
  if ended then
    code, message = ftp.read_reply(buffer)
  end
  if not code or code < 200 or code > 299 then
    error(("the listing ended with %s %s"):format(code, message), 0)
  end
  local lines = {}
  for line in text:gmatch("[^\r\n]+") do
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

local months = { Jan = true, Feb = true, Mar = true, Apr = true, May = true, Jun = true, Jul = true,
  Aug = true, Sep = true, Oct = true, Nov = true, Dec = true }

-- A line as it is compared: what is "Oct 12 09:15" now is "Oct 12  2025" in half a year, and how
-- wide a column is depends on the other lines.
local function undated(line)
  for from, month, to in line:gmatch("()%f[%w](%u%l%l)%s+%d%d?%s+%d[%d:]+()%s") do
    if months[month] then
      line = line:sub(1, from - 1) .. line:sub(to)
      break
    end
  end
  return (line:gsub("%s+", " "))
end

local function compared(lines)
  local out = {}
  for i, line in ipairs(lines) do
    out[i] = undated(line)
  end
  table.sort(out)
  return out
end

-- A session of anyone: socket, buffer, the code of the login; or nil.
local function log_in(host, port)
  local socket, code, message, buffer = ftp.connect(host, port, { request_timeout = 8000 })
  if not socket then
    return asker.unanswered(port, names, code)
  end
  local status = code == 220
  if status then
    status, code, message = ftp.auth(socket, buffer, "anonymous", "IEUser@")
    -- without a code the message is the second value
    message = message or status == nil and code
    code = tonumber(code)
  end
  if status then
    return socket, buffer, code
  end
  stdnse.debug1("%s %s", tostring(code), tostring(message))
  ftp.close(socket)
  check_lasting(code, message)
end

function action(host, port)
  local socket, buffer, code = log_in(host, port)
  if not socket then
    return nil
  end
  local data = stdnse.output_table()
  data.login = "Anonymous FTP login allowed (FTP code " .. code .. ")"
  local list, reason = list_directory(socket, buffer)
  ftp.close(socket)
  if not list then
    data.listing = "Can't get directory listing: " .. tostring(reason)
    return data, data.login .. "\n" .. data.listing
  end
  local lines = shown(list)
  data.files = compared(lines)
  return data, table.concat({ data.login, table.unpack(lines) }, "\n")
end
