description = [[
Shows what an FTP server answers to SYST and STAT: its kind, its version, its settings.
]]
---
-- @args ftp-syst.user, ftp-syst.pass  Log in with these (anonymous, IEUser@).
--
-- @output
-- | ftp-syst:
-- |   SYST: UNIX Type: L8
-- |   STAT:
-- | FTP server status:
-- |_End of status

author = "Muster"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

identity = {}
-- STAT counts sessions and names our own address.
volatile = { "STAT" }

local asker = require "asker"
local ftp = require "ftp"
local shortport = require "shortport"
local stdnse = require "stdnse"

local names = { "ftp", "ftps" }
portrule = shortport.port_or_service({ 21, 990 }, names)

local function ask(socket, buffer, command)
  socket:send(command .. "\r\n")
  local code, message = ftp.read_reply(buffer)
  -- some end the connection after a login that they refuse; the others fall silent
  if not code and message == "TIMEOUT" then
    socket:close()
    asker.broken_off(message)
  end
  return code, message
end

function action(host, port)
  local socket, code, first, buffer = ftp.connect(host, port, { request_timeout = 8000 })
  if not socket then
    return asker.unanswered(port, names, code)
  elseif code ~= 220 then
    socket:close()
    asker.check_busy(("%s %s"):format(code, first), "^421")
    return nil
  end
  local user, pass = stdnse.get_script_args(SCRIPT_NAME .. ".user", SCRIPT_NAME .. ".pass")
  local output = stdnse.output_table()
  local logged_in = ftp.auth(socket, buffer, user or "anonymous", pass or "IEUser@")
  local message
  code, message = ask(socket, buffer, "SYST")
  if code == 215 and (not message:find("^UNIX Type: L8") or nmap.verbosity() > 0
    and not logged_in) then
    output.SYST = message
  end
  code, message = ask(socket, buffer, "STAT")
  if code == 211 or code == 212 or code == 213 then
    output.STAT = "\n" .. message
  end
  ftp.close(socket)
  return #output > 0 and output or nil
end
