description = [[
Shows the headers with which a Tomcat server answers a request over AJP.
]]
---
-- @args ajp-headers.path  The path to ask for ("/").
--
-- @output
-- | ajp-headers:
-- |   Content-Type: text/html;charset=ISO-8859-1
-- |_  Content-Length: 149

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "safe" }

identity = {}
volatile = { "*" }

local ajp = require "ajp"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.port_or_service(8009, "ajp13")

function action(host, port)
  local helper = ajp.Helper:new(host, port)
  if not helper:connect() then
    return nil
  end
  local status, response = helper:get(stdnse.get_script_args(SCRIPT_NAME .. ".path") or "/")
  helper:close()
  if not status or #response.rawheaders == 0 then
    return nil
  end
  local lines = {}
  for i, line in ipairs(response.rawheaders) do
    lines[i] = line:gsub("%c", ".")
  end
  return stdnse.format_output(true, lines)
end
