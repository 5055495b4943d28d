description = [[
Shows the headers with which a web server answers a HEAD request for its root, or a GET request
when HEAD does not work.
]]
---
-- @args http-headers.path    The page to ask for ("/").
-- @args http-headers.useget  Use GET from the start.
--
-- @output
-- | http-headers:
-- |   Server: nginx/1.22.1
-- |   Content-Type: text/html
-- |
-- |_  (Request type: HEAD)

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "safe" }

identity = {}
-- Dates, cookies and tags of contents change with each answer; http-server-header has what stays.
volatile = { "*" }

local http = require "http"
local api = require "http.api"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.http

function action(host, port)
  local path = stdnse.get_script_args(SCRIPT_NAME .. ".path") or "/"
  local use_get = stdnse.get_script_args(SCRIPT_NAME .. ".useget")
  local response, kind
  if not use_get then
    local usable, head = http.can_use_head(host, port, nil, path)
    if usable then
      response, kind = head, "HEAD"
    end
  end
  if not response then
    response, kind = api.first(port, http.get(host, port, path)), "GET"
  end
  if not response.status or #response.rawheader < 2 then
    return nil
  end
  local lines = { table.unpack(response.rawheader) }
  lines[#lines + 1] = "(Request type: " .. kind .. ")"
  return stdnse.format_output(true, lines)
end
