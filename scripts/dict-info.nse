description = [[
Shows what a dictionary server (RFC 2229) tells of itself: software, load, databases.
]]
---
-- @output
-- | dict-info:
-- |   dictd 1.13.1/rf on Linux 6.1.0
-- |   On vm: up 2+04:13:12, 4 forks (0.1/hour)
-- |
-- |_  Database      Headwords         Index          Data  Uncompressed

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "safe" }

identity = {}
-- Time and load stand amid the text.
volatile = { "*" }

local asker = require "asker"
local match = require "match"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.port_or_service(2628, "dict", "tcp")

local line_max, lines_max = 1024, 200

local function read_line(socket)
  local status, line = socket:receive_buf(match.pattern_limit("\r?\n", line_max), false)
  return status and line or nil, line
end

-- The lines of a text that ends with a dot.
local function read_text(socket)
  local lines = {}
  for _ = 1, lines_max do
    local line = read_line(socket)
    if not line or line == "." then
      break
    end
    lines[#lines + 1] = line:gsub("^%.%.", ".")
  end
  return lines
end

function action(host, port)
  local socket = nmap.new_socket()
  socket:set_timeout(5000)
  local lines = {}
  local status, reason = socket:connect(host, port)
  if status then
    local greeting
    greeting, reason = read_line(socket)
    if greeting and greeting:find("^220 ") and socket:send("SHOW SERVER\r\n") then
      local reply
      reply, reason = read_line(socket)
      if reply and reply:find("^114") then
        lines = read_text(socket)
        socket:send("QUIT\r\n")
      end
    end
  end
  socket:close()
  if #lines == 0 then
    return asker.unanswered(port, { "dict", plain = true }, reason)
  end
  return stdnse.format_output(true, lines)
end
