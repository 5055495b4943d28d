description = [[
Shows the files of a web server's index page: the listing that Apache, nginx, lighttpd and others
make of a directory without a page of its own.
]]
---
-- @args http-ls.url  The directory ("/").
-- @args ls.maxfiles  How many files are shown (10; 0 for all).
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
local ls = require "ls"
local shortport = require "shortport"
local stdnse = require "stdnse"
local stringaux = require "stringaux"
local url = require "url"

portrule = shortport.http

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

function action(host, port)
  local path = stdnse.get_script_args(SCRIPT_NAME .. ".url") or "/"
  local response = http.get(host, port, path)
  if response.status ~= 200 or not response.body or not is_index(response.body) then
    return nil
  end
  local output = ls.new_listing()
  ls.new_vol(output, path, false)
  for _, entry in ipairs(entries(response.body)) do
    if not ls.add_file(output, entry) then
      break
    end
  end
  ls.end_vol(output)
  return ls.end_listing(output)
end
