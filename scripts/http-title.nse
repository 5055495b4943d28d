description = [[
Shows the title of the page at the root of a web server.

Up to five redirects within the same host and port are followed; one that leads elsewhere is
reported.
]]
---
-- @args http-title.url  The page to ask for ("/" when not given).
--
-- @output
-- | http-title: Sign in
-- |_Requested resource was /login
--
-- @xmloutput
-- <elem key="title">Sign in</elem>
-- <elem key="redirect_url">/login</elem>

author = "Muster"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

identity = {}
volatile = {}

local http = require "http"
local api = require "http.api"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"
local transient = require "transient"

portrule = shortport.http

local title_max = 65

local function title_of(body)
  return string.match(body, "<[Tt][Ii][Tt][Ll][Ee][^<>]*>([^<]*)</[Tt][Ii][Tt][Ll][Ee]>")
end

-- One line of at most 65 bytes.
local function shown(title)
  title = string.gsub(title, "[\r\n\t]", "")
  if #title > title_max then
    return string.sub(title, 1, title_max - 3) .. "..."
  end
  return title
end

local function is_redirect(response)
  return string.find(tostring(response.status), "^3") and response.header.location
end

function action(host, port)
  local path = stdnse.get_script_args(SCRIPT_NAME .. ".url") or "/"
  local response = api.first(port, http.get(host, port, path))
  if not response.status or not response.body then
    return nil
  end

  local data = stdnse.output_table()
  if is_redirect(response) then
    data.redirect_url = transient.blank(response.header.location)
    return data, "Did not follow redirect to " .. data.redirect_url
  end

  local text
  local title = title_of(response.body)
  data.title = title
  if title and title ~= "" then
    text = shown(title)
  else
    local kind = response.header["content-type"]
    text = "Site doesn't have a title" .. (kind and " (" .. kind .. ")." or ".")
  end
  if response.location then
    data.redirect_url = transient.blank(response.location[#response.location])
    text = text .. "\nRequested resource was " .. data.redirect_url
  end
  return data, text
end
