description = [[
Finds the repository of a web site's sources where it can be read by anyone, and shows where it
came from.
]]
---
-- @args http-git.root  The directory in which to look for .git ("/").
--
-- @output
-- | http-git:
-- |   192.0.2.1:80/.git/
-- |     Git repository found!
-- |     Repository description: Unnamed repository
-- |     Remotes:
-- |_      https://git.example/site.git

author = "Muster"
license = "Apache-2.0"
categories = { "default", "safe", "vuln" }

identity = {}
volatile = {}
finding = "high"

local http = require "http"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.http

local function read(host, port, path)
  local response = http.get(host, port, path, { redirect_ok = false })
  return response.status == 200 and response.body or nil
end

local function remotes_in(config)
  local remotes = {}
  for url in config:gmatch("%f[^%s]url%s*=%s*(%S+)") do
    -- a password in the URL is nobody's business
    remotes[#remotes + 1] = (url:gsub("(://[^:/@]*):[^@/]*@", "%1:...@"))
  end
  return remotes
end

function action(host, port)
  local root = stdnse.get_script_args(SCRIPT_NAME .. ".root") or "/"
  local base = root:gsub("/?$", "/") .. ".git/"
  local head = read(host, port, base .. "HEAD")
  if not head or not (head:find("^ref: refs/") or head:find("^%x+%s*$") and #head >= 40
    and #head < 100) then
    return nil
  end
  local found = stdnse.output_table()
  found[#found + 1] = "Git repository found!"
  local branch = head:match("^ref: refs/heads/(%S+)")
  local description = read(host, port, base .. "description")
  if description and #description < 500 then
    found["Repository description"] = description:match("^[^\r\n]*")
  end
  local message = read(host, port, base .. "COMMIT_EDITMSG")
  if message and not message:find("^%s*<") then
    found["Last commit message"] = message:match("^[^\r\n]*"):sub(1, 100)
  end
  local remotes = remotes_in(read(host, port, base .. "config") or "")
  if #remotes > 0 then
    found.Remotes = remotes
  end
  local output = stdnse.output_table()
  output[stdnse.get_hostname(host) .. ":" .. port.number .. base] = found
  if branch and branch ~= "master" and branch ~= "main" then
    found["Checked out branch"] = branch
  end
  return output
end
