description = [[
Finds servers of Git's own protocol (git daemon), which give their repositories to anyone who names
them; shows whether there is one at /.
]]
---
-- Asks for the repository at / (gitprotocol-pack(5), "Git Transport").
--
-- @output
-- | git-daemon-info:
-- |   Answer: access denied or repository not exported
-- |_  Repository at /: false

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "safe" }

identity = {}
volatile = {}
finding = "low"

local asker = require "asker"
local drain = require "drain"
local greeting = require "greeting"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.port_or_service(9418, "git", "tcp")

local function packet(text)
  return ("%04x%s"):format(#text + 4, text)
end

local function first_of(text)
  local length = tonumber((text or ""):match("^%x%x%x%x") or "0", 16)
  return length > 4 and text:sub(5, length) or nil
end

-- The first of a repository's references, and behind it what the server can do.
local function repository(line, output)
  local id, capabilities = line:match("^(%x+) [^%z]+%z([^\n]*)")
  if not id or #id < 40 then
    return false
  end
  output["Repository at /"] = true
  output.Agent = capabilities:match("%f[%w]agent=(%S+)")
  output.Branch = capabilities:match("%f[%w]symref=HEAD:refs/heads/(%S+)")
  return true
end

function action(host, port)
  local question = packet("git-upload-pack /\0host=" .. stdnse.get_hostname(host) .. "\0")
  local text, reason = drain.all(host, port, question, { bytes_max = 65536, last = function(so_far)
    return first_of(so_far) ~= nil
  end })
  local line, output = first_of(text), stdnse.output_table()
  local refusal = line and line:match("^ERR ([^\r\n]*)")
  if refusal then
    output.Answer = refusal:match("^.*[^:/ ]") or refusal
    output["Repository at /"] = false
  elseif not line or not repository(line, output) then
    return asker.unanswered(port, { "git" }, reason)
  end
  greeting.store(host, port, { name = "git", product = "Git daemon", cpe = {},
    version = (output.Agent or ""):match("^git/([%w.]+)") })
  return output
end
