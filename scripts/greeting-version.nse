description = [[
Recognises services by the greeting that they send to whoever connects, without sending a byte: SSH,
FTP, SMTP, IMAP, POP3, MySQL, VNC, rsync and some twenty more, at whatever port. Fills in the
service's name, product, version, operating system and CPE.
]]
---
-- @args greeting-version.timeout  How long to wait for the greeting, such as 3s (5s; once it has begun
--       twice as long for its end).
--
-- @output
-- PORT   STATE SERVICE VERSION
-- 22/tcp open  ssh     OpenSSH 9.2p1 Debian 2+deb12u3 (protocol 2.0)

author = "Muster"
license = "Apache-2.0"
categories = { "version", "safe" }

identity = {}
volatile = {}

local comm = require "comm"
local greeting = require "greeting"
local nmap = require "nmap"
local shortport = require "shortport"
local stdnse = require "stdnse"

function portrule(_, port)
  return port.protocol == "tcp" and port.state == "open"
    and not shortport.port_is_excluded(port.number, port.protocol)
    and not (port.version and port.version.product)
end

-- Milliseconds of silence after which a greeting is taken to be all; bytes that are enough.
local pause, enough = 150, 4096

local function timeout_ms()
  local seconds = stdnse.parse_timespec(stdnse.get_script_args(SCRIPT_NAME .. ".timeout"))
  return (seconds or 5) * 1000
end

-- The greeting, "" when none came; nil and the reason when the server cut it short.
local function read(socket, timeout)
  local text, status, piece = "", socket:receive()
  local last = nmap.clock_ms() + 2 * timeout
  while status do
    text = text .. piece
    if #text >= enough then
      return text
    end
    local left = greeting.is_whole(text) and pause or last - nmap.clock_ms()
    socket:set_timeout(math.max(1, math.floor(left)))
    status, piece = socket:receive()
  end
  if text == "" and piece ~= "TIMEOUT" then
    return nil, piece
  end
  return text
end

-- In TLS at ports that are known to begin with it.
local function listen(host, port)
  local timeout, tls = timeout_ms(), shortport.ssl(nil, port)
  local socket, reason = comm.opencon(host, port, nil,
    { timeout = timeout, proto = tls and "ssl" or "tcp", connect_only = true })
  if not socket then
    return nil, reason, tls
  end
  local text
  text, reason = read(socket, timeout)
  socket:close()
  return text, reason, tls
end

-- A server that greets at other times, and was too busy now, is not told to be another one.
function action(host, port)
  local text, reason, tls = listen(host, port)
  local info = text and greeting.recognise(text, port.service)
  if info then
    greeting.store(host, port, info, tls)
  elseif (not text or text == "") and greeting.is_expected(port.service) then
    error("no greeting: " .. tostring(reason or "TIMEOUT"), 0)
  end
  return nil
end
