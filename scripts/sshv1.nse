description = [[
Finds SSH servers that still speak version 1 of the protocol, which has been broken since 1998.
]]
---
-- @output
-- |_sshv1: Server supports SSHv1

author = "Muster"
license = "Apache-2.0"
categories = { "default", "safe" }

identity = {}
volatile = {}
finding = "high"

local asker = require "asker"
local match = require "match"
local shortport = require "shortport"

portrule = shortport.ssh

function action(host, port)
  local socket = nmap.new_socket()
  socket:set_timeout(5000)
  local status, line = socket:connect(host, port)
  if status then
    status, line = socket:receive_buf(match.pattern_limit("\r?\n", 512), false)
  end
  socket:close()
  if not status then
    return asker.unanswered(port, { "ssh", plain = true }, line)
  end
  -- 1.99 is version 2 that takes version 1 too (RFC 4253, section 5.1)
  local version = line:match("^SSH%-(%d+%.%d+)%-")
  if version and (version == "1.99" or version:find("^1%.") ~= nil) then
    return true, "Server supports SSHv1"
  end
end
