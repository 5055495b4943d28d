description = [[
Shows the methods with which an SSH server lets a user log in: keys, passwords, questions.
]]
---
-- @args ssh.user  For which user to ask (root); servers may offer other methods to others.
--
-- @output
-- | ssh-auth-methods:
-- |   Supported authentication methods:
-- |     publickey
-- |_    password

author = "Muster"
license = "Apache-2.0"
categories = { "auth", "intrusive" }

identity = {}
volatile = {}
-- A server that asks for nothing shows text instead of the list.
finding = { ["Supported authentication methods"] = "info", ["Login without authentication"] = "critical" }

local asker = require "asker"
local libssh2_util = require "libssh2-utility"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.ssh

function action(host, port)
  local user = stdnse.get_script_args("ssh.user") or "root"
  local helper = libssh2_util.SSHConnection:new()
  local ok, reason = helper:connect_pcall(host, port)
  if not ok then
    -- libssh2's words for a connection that ended early: "Failed getting banner", "Error waiting on
    -- banner"
    local ended = tostring(reason):find("banner", 1, true) and "EOF"
    return asker.unanswered(port, { "ssh", plain = true }, ended or reason)
  end
  local methods
  methods, reason = helper:list(user)
  helper:disconnect()
  local output = stdnse.output_table()
  if methods == "none_auth" then
    output["Login without authentication"] = user
  elseif type(methods) == "table" then
    output["Supported authentication methods"] = methods
  else
    return asker.broken_off(reason)
  end
  return output
end
