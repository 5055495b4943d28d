description = [[
Shows the files of a web server's index page: the listing that Apache, nginx, lighttpd and others
make of a directory without a page of its own.
]]
---
-- @args http-ls.url  The directory ("/").
-- @args ls.maxfiles  How many files are shown (10; 0 for all).
-- @args ls.maxdepth  How many directories deep it goes (1; 0 for the page alone, -1 for all).
--
-- @output
-- | http-ls: Volume /
-- | SIZE  TIME              FILENAME
-- | 524   2026-11-02 09:15  beta
-- |_

author = "Muster"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

identity = {}
volatile = {}
finding = "low"

local http = require "http"
local api = require "http.api"
local ls = require "ls"
local shortport = require "shortport"
local stdnse = require "stdnse"
local stringaux = require "stringaux"
local url = require "url"

portrule = shortport.http

-- "All" directories; a server may lead in circles.
local depth_max = 20

-- A page that a server made of a directory says so in its title or heading.
local function is_index(body)
  local title = body:match("<[Tt][Ii][Tt][Ll][Ee]>([^<]*)</") or ""
  local heading = body:match("<[Hh]1[^<>]*>([^<]*)</") or ""
  for _, text in ipairs({ title, heading }) do
    text = stringaux.trim(text):lower()
    if text:find("^index of") or text:find("^directory listing") then
      return true
    end
  end
  return false
end

-- Size and time stand behind the link, in table cells or in plain columns.
local function details(after)
  local text = after:gsub("<[^<>]*>", " "):gsub("&nbsp;", " ")
  local day, clock, behind = text:match("%f[%w](%d+%-%w+%-%d+)%s+(%d+:%d+)[:%d]*()")
  local rest = text:sub(behind or 1)
  return rest:match("%f[%d%-]([%d.]+%s?[KMG]?)%f[%s%z]") or "-", day and day .. " " .. clock or "-"
end

local function entries(body)
  local list = {}
  local rest = body:gsub("\r", "")
  for href, after in rest:gmatch('<[Aa]%s+[Hh][Rr][Ee][Ff]="([^"]*)"[^<>]*>[^<]*</[Aa]>([^\n]*)') do
    local name = url.unescape(href)
    if not name:find("^[?/#]") and not name:find("^%.%.?/?$") and not name:find("^%a+:") then
      local size, time = details(after)
      list[#list + 1] = { size, time, name }
    end
  end
  return list
end

local function index_of(response)
  local body = response.status == 200 and response.body
  return body and is_index(body) and entries(body) or nil
end

-- Adds what is in a directory, each subdirectory followed by what is in it. False at the limit.
local function add_all(output, host, port, at, depth)
  local path = at.path .. at.below
  local response = http.get(host, port, path)
  -- a directory that does not answer may hold what it held; one that fails for good holds nothing
  for _, entry in ipairs(index_of(response.status and response or api.certain(response, path)) or {}) do
    local name = at.below .. entry[3]
    if not ls.add_file(output, { entry[1], entry[2], name }) then
      ls.report_info(output, ("maxfiles limit reached (%d)"):format(ls.config("maxfiles")))
      return false
    end
    local inner = entry[3]:find("^[^/]+/$") and depth ~= 0
    if inner and not add_all(output, host, port, { path = at.path, below = name }, depth - 1) then
      return false
    end
  end
  return true
end

function action(host, port)
  local path = stdnse.get_script_args(SCRIPT_NAME .. ".url") or "/"
  local depth = tonumber(stdnse.get_script_args("ls.maxdepth")) or 1
  if not index_of(api.first(port, http.get(host, port, path))) then
    return nil
  end
  local output = ls.new_listing()
  ls.new_vol(output, path, false)
  add_all(output, host, port, { path = path, below = "" }, depth < 0 and depth_max or depth)
  ls.end_vol(output)
  return ls.end_listing(output)
end
