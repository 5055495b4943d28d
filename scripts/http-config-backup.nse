description = [[
Looks for copies of configuration files that editors and administrators leave beside the original,
where a web server gives them out as text.
]]
---
-- @args http-config-backup.path  The directory of the web application ("/").
--
-- @output
-- | http-config-backup:
-- |_  /wp-config.php.bak HTTP/1.1 200 OK

author = "Muster"
license = "Apache-2.0"
categories = { "auth", "intrusive" }

identity = {}
volatile = {}
finding = "high"

local api = require "http.api"
local http = require "http"
local shortport = require "shortport"
local stdnse = require "stdnse"
local stringaux = require "stringaux"

portrule = shortport.http

-- Files, and what stands in the real one: a page that says "not found" with status 200 does not.
-- Lines end with a line feed, in an editor's swap file with a zero.
local files = {
  { "wp-config.php", "DB_PASSWORD" }, { "configuration.php", "JConfig" },
  { "config.php", "<%?php" }, { "LocalSettings.php", "%$wgDB" }, { "settings.php", "%$databases" },
  { "config.inc.php", "<%?php" },
  { ".env", "[\n%z][ \t]*[%u_][%u%d_]*[ \t]*=", "[\n%z][ \t]*export[ \t]+[%u_][%u%d_]*=",
    is_text = true },
  { "web.config", "<configuration" },
}
local endings = { "~", ".bak", ".old", ".orig", ".save", ".swp", ".txt" }

local function candidates(file)
  local stem, kind = file:match("^(.+)(%.%w+)$")
  local list = { "%23" .. file .. "%23", file .. "%20copy" }
  for _, ending in ipairs(endings) do
    list[#list + 1] = file .. ending
  end
  if stem then
    list[#list + 1] = stem .. " copy" .. kind
    list[#list + 1] = "Copy of " .. file
  end
  return list
end

local function requests(base)
  local all, asked = nil, {}
  for _, file in ipairs(files) do
    for _, name in ipairs(candidates(file[1])) do
      local path = base .. name:gsub(" ", "%%20")
      all = http.pipeline_add(path, { truncated_ok = true }, all)
      asked[#asked + 1] = { path = path, file = file }
    end
  end
  return all, asked
end

local function is_copy(response, file)
  local text = "\n" .. (response.body or "")
  if file.is_text and text:find("^%s*<") then
    return false
  end
  return text:find(file[2]) ~= nil or file[3] and text:find(file[3]) ~= nil
end

function action(host, port)
  local base = (stdnse.get_script_args(SCRIPT_NAME .. ".path") or "/"):gsub("/?$", "/")
  local ok, missing, known = api.identify_404(host, port)
  if not ok then
    return nil
  end
  local all, asked = requests(base)
  local found = {}
  for i, response in ipairs(api.all(host, port, all)) do
    if response.status == 200 and http.page_exists(response, missing, known)
      and is_copy(response, asked[i].file) then
      found[#found + 1] = asked[i].path .. " "
        .. stringaux.trim_end(response["status-line"] or "")
    end
  end
  return #found > 0 and found or nil
end
