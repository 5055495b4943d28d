description = [[
Finds X servers that let anyone open windows, read the screen and listen to the keyboard.
]]
---
-- @output
-- |_x11-access: X server access is granted

author = "Muster"
license = "Apache-2.0"
categories = { "default", "safe", "auth" }

identity = {}
volatile = {}
finding = "critical"

local asker = require "asker"

function portrule(_, port)
  return port.protocol == "tcp" and port.state == "open"
    and (port.number >= 6000 and port.number <= 6009 or (port.service or ""):find("^X11") ~= nil)
end

function action(host, port)
  -- "X11:1" is a name of it, too
  local names = { string.match(port.service or "", "^X11.*") }
  local socket = nmap.new_socket()
  socket:set_timeout(5000)
  local status, answer = socket:connect(host, port)
  if not status then
    return asker.unanswered(port, names, answer)
  end
  -- X Window System Protocol, appendix B: little endian, protocol 11.0, no authorization
  socket:send("l\0" .. string.pack("<I2I2I2I2I2", 11, 0, 0, 0, 0))
  status, answer = socket:receive_bytes(8)
  socket:close()
  if not status then
    return asker.unanswered(port, names, answer)
  end
  if #answer >= 8 and answer:byte(1) == 1 and string.unpack("<I2", answer, 3) == 11 then
    return true, "X server access is granted"
  end
end
