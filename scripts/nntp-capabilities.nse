description = [[
Shows what a news server can do and what it is (RFC 3977, CAPABILITIES), and whether anyone may post.
]]
---
-- @output
-- | nntp-capabilities:
-- |   Greeting: news.example.com InterNetNews NNRP server INN 2.7.1 ready (posting ok)
-- |   Posting: allowed
-- |   Implementation: INN 2.7.1
-- |   Capabilities:
-- |     VERSION 2
-- |     AUTHINFO USER
-- |     LIST ACTIVE NEWSGROUPS
-- |     POST
-- |_    READER

author = "Muster"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

identity = {}
volatile = {}
finding = { ["Posting"] = "low" }

local asker = require "asker"
local comm = require "comm"
local match = require "match"
local shortport = require "shortport"
local stdnse = require "stdnse"

local names = { "nntp", "nntps", "snews", "nnsp" }
portrule = shortport.port_or_service({ 119, 433, 563 }, names)

local lines_max, line_max = 100, 1024

local function read_line(socket)
  return socket:receive_buf(match.pattern_limit("\r?\n", line_max), false)
end

-- The lines behind "101", up to a dot alone; nil when the server knows no such command. A list that
-- breaks off is none.
local function capabilities(socket)
  socket:send("CAPABILITIES\r\n")
  local status, line = read_line(socket)
  if not status then
    return asker.broken_off(line)
  elseif not line:find("^101") then
    return nil
  end
  local list = {}
  for _ = 1, lines_max do
    status, line = read_line(socket)
    if not status then
      return asker.broken_off(line)
    elseif line == "." then
      break
    end
    list[#list + 1] = line
  end
  return list
end

local function connected(host, port)
  local socket, first, _, early = comm.tryssl(host, port, "",
    { recv_before = true, lines = 1, timeout = 10000 })
  if not socket then
    return nil, first
  end
  local code, text = (early or first):match("^(20[01])[ -]?([^\r\n]*)")
  if not code then
    socket:close()
    asker.check_busy(early or first, "^400")
    return nil, "no NNTP greeting"
  end
  return socket, code, text
end

function action(host, port)
  local socket, code, text = connected(host, port)
  if not socket then
    return asker.unanswered(port, names, code)
  end
  local list = capabilities(socket) or {}
  socket:send("QUIT\r\n")
  socket:close()
  local output, shown = stdnse.output_table(), {}
  output.Greeting = text
  output.Posting = code == "200" and "allowed" or nil
  for _, line in ipairs(list) do
    local implementation = line:match("^IMPLEMENTATION%s+(.*)$")
    if implementation then
      output.Implementation = implementation
    elseif line:find("^%u") then
      shown[#shown + 1] = line
    end
  end
  output.Capabilities = #shown > 0 and shown or nil
  return output
end
