description = [[
Finds FTP servers that would open data connections to other hosts than the one that asks (RFC 2577).
Only the server's consent is asked for: no connection follows.
]]
---
-- @args ftp-bounce.username  Who logs in (anonymous).
-- @args ftp-bounce.password  With which password (muster@).
--
-- @output
-- |_ftp-bounce: bounce working!

author = "Muster"
license = "Apache-2.0"
categories = { "default", "safe" }

identity = {}
volatile = {}
finding = "medium"

local asker = require "asker"
local ftp = require "ftp"
local shortport = require "shortport"
local stdnse = require "stdnse"

local names = { "ftp", "ftps" }
portrule = shortport.port_or_service({ 21, 990 }, names)

-- An address that is no one's (RFC 5737).
local elsewhere = "192,0,2,1"

-- Firewalls that look into the dialog, and some servers, end the connection of who asks for that.
local function consents(socket, buffer, number, is_first)
  socket:send(("PORT %s,%d,%d\r\n"):format(elsewhere, number >> 8, number & 255))
  local code, message = ftp.read_reply(buffer)
  if not code and not (is_first and asker.kind_of(message) == asker.ENDED) then
    socket:close()
    asker.broken_off(message)
  end
  return code ~= nil and code >= 200 and code < 300
end

function action(host, port)
  local socket, code, message, buffer = ftp.connect(host, port, { timeout = 10000 })
  if not socket then
    return asker.unanswered(port, names, code)
  end
  local user, password = stdnse.get_script_args(SCRIPT_NAME .. ".username",
    SCRIPT_NAME .. ".password")
  local result
  if code ~= 220 then
    ftp.close(socket)
    asker.check_busy(("%s %s"):format(code, message), "^421")
    stdnse.debug1("%s", tostring(message))
    return nil
  elseif ftp.auth(socket, buffer, user or "anonymous", password or "muster@") == true
    and consents(socket, buffer, 6000, true) then
    result = consents(socket, buffer, 22) and "bounce working!"
      or "server forbids bouncing to low ports <1025"
  end
  ftp.close(socket)
  return result
end
