description = [[
Connects to an open TCP port and shows what the service says within five seconds, unasked.

Bytes that cannot be printed are written as \xHH. More lines are shown with higher verbosity.
]]
---
-- @args banner.timeout  How long to wait, such as 3s or 500ms (5s).
--
-- @output
-- |_banner: 220 ProFTPD Server ready.

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "safe" }

-- Banners often carry clocks, session ids and host names: what is in them is not compared as a
-- fact.
identity = {}
volatile = { "*" }

local asker = require "asker"
local comm = require "comm"
local greeting = require "greeting"
local nmap = require "nmap"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"
local stringaux = require "stringaux"
local table = require "table"

-- A line on the screen, without the bar in front of it.
local width = 71

function portrule(_, port)
  return port.protocol == "tcp" and port.state == "open"
    and not shortport.port_is_excluded(port.number, port.protocol)
end

local function timeout_ms()
  local seconds = stdnse.parse_timespec(stdnse.get_script_args(SCRIPT_NAME .. ".timeout"))
  return (seconds or 5) * 1000
end

-- A greeting may come in pieces: a line of version, then what the administrator wrote. Milliseconds of
-- silence after which it is taken to be whole, and bytes that are enough.
local pause, enough = 150, 4096

-- TLS ports say nothing before the handshake, so it is made for those that are known: whoever asks
-- for a banner alone does not want every port to be greeted in TLS.
local function grab(host, port)
  local options = { timeout = timeout_ms(), proto = shortport.ssl(nil, port) and "ssl" or "tcp" }
  options.connect_only = true
  local socket, reason = comm.opencon(host, port, nil, options)
  if not socket then
    return nil, reason
  end
  local text, status, piece = "", socket:receive()
  while status do
    text = text .. piece
    if #text >= enough then
      break
    end
    socket:set_timeout(pause)
    status, piece = socket:receive()
  end
  socket:close()
  return stringaux.trim(text), piece
end

local function printable(text)
  return (string.gsub(text, "[^ -~]", function(c)
    return string.format("\\x%02X", string.byte(c))
  end))
end

-- Lines that fill the screen's width; the script's name stands in front of the first.
local function wrapped(text, lines_max)
  local lines, room = {}, width - #SCRIPT_NAME - 2
  while #lines < lines_max and (#text >= room or #lines == 0) do
    lines[#lines + 1] = string.sub(text, 1, room)
    if #text < room then
      return table.concat(lines, "\n")
    end
    text, room = string.sub(text, room + 1), width
  end
  if #lines == lines_max and #text > 0 then
    lines[#lines] = string.sub(lines[#lines], 1, -4) .. "..."
    text = ""
  end
  lines[#lines + 1] = text
  return table.concat(lines, "\n")
end

function action(host, port)
  local text, reason = grab(host, port)
  if not text or text == "" then
    -- one that greets at other times
    local greets = greeting.is_expected(port.service)
    return asker.unanswered(port, { greets and port.service }, reason)
  end
  return wrapped(printable(text), nmap.verbosity() + 1)
end
