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

local api = require "http.api"
local http = require "http"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.http

-- What a repository has besides its HEAD; .gitignore lies beside it.
local expected = {
  ".gitignore", ".git/COMMIT_EDITMSG", ".git/config", ".git/description", ".git/info/exclude",
}

-- As many of these have to be there, with HEAD, to be sure.
local sure = 3
local shown_max = 60

local function read(host, port, path)
  local response = http.get(host, port, path, { redirect_ok = false })
  return response.status == 200 and response.body or nil, response
end

local function is_head(text)
  return text:find("^ref: refs/") or text:find("^%x+%s*$") and #text >= 40 and #text < 100
end

-- An address without what stands for a login there: nobody's business. A name alone may be a token,
-- and a long one with a word behind it is (as "ghp_...:x-oauth-basic").
local function without_login(url)
  local scheme, authority, rest = url:match("^([^:/]*://)([^/?#]*)(.*)$")
  local login, place = (authority or ""):match("^(.*)@(.*)$")
  if not login then
    return url
  end
  local name = login:match("^([^:]*):")
  return scheme .. (name and #name < 20 and name .. ":" or "") .. "...@" .. place .. rest
end

local function remotes_in(config)
  local remotes = {}
  for url in config:gmatch("%f[^%s]url%s*=%s*(%S+)") do
    remotes[#remotes + 1] = without_login(url)
  end
  return remotes
end

-- The expected files that are there: name -> text, and how many these are with HEAD.
local function fetch(host, port, root)
  local texts, n = {}, 1
  for _, name in ipairs(expected) do
    local text, response = read(host, port, root .. name)
    api.certain(response, root .. name)
    -- a site may have a page for everything
    if text and not text:find("^%s*<") then
      texts[name], n = text, n + 1
    end
  end
  return texts, n
end

-- A text on one line.
local function brief(text)
  if #text > shown_max then
    text = text:sub(1, shown_max) .. "..."
  end
  return (text:gsub("\n", " "))
end

local function data_of(texts)
  local data = stdnse.output_table()
  local remotes = remotes_in(texts[".git/config"] or "")
  data.remotes = remotes[1] and remotes or nil
  data["repository-description"] = texts[".git/description"]
  data["last-commit-message"] = texts[".git/COMMIT_EDITMSG"]
  data["files-found"] = {}
  for _, name in ipairs(expected) do
    data["files-found"][name] = texts[name] ~= nil
  end
  return data
end

local function lines_of(place, data, n)
  local lines = { "", "  " .. place }
  local function add(text, ...)
    lines[#lines + 1] = "    " .. text:format(...)
  end
  if n > sure then
    add("Git repository found!")
  else
    add("Potential Git repository found (found %d/%d expected files)", n, #expected + 1)
  end
  if data["repository-description"] then
    add("Repository description: %s", brief(data["repository-description"]))
  end
  if data["last-commit-message"] then
    add("Last commit message: %s", brief(data["last-commit-message"]))
  end
  if data.remotes then
    add("Remotes:")
  end
  for _, remote in ipairs(data.remotes or {}) do
    add("  %s", remote)
  end
  return table.concat(lines, "\n") .. "\n"
end

function action(host, port)
  local root = (stdnse.get_script_args(SCRIPT_NAME .. ".root") or "/"):gsub("/?$", "/")
  local head, first = read(host, port, root .. ".git/HEAD")
  api.first_or_refused(host, port, first)
  if not head or not is_head(head) then
    return nil
  end
  local place = stdnse.get_hostname(host) .. ":" .. port.number .. root .. ".git/"
  local texts, n = fetch(host, port, root)
  local data = data_of(texts)
  return { [place] = data }, lines_of(place, data, n)
end
