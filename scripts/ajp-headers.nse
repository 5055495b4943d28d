description = [[
Shows the headers with which a Tomcat answers over AJP 1.3. Such a port believes whoever connects what
a front end would have checked: it belongs behind one.
]]
---
-- @args ajp-headers.path  The path that is asked for (/).
--
-- @output
-- | ajp-headers:
-- |   Content-Type: text/html
-- |_  Content-Language: en

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "safe" }

identity = {}
volatile = { "*" }
finding = "medium"

local ajp = require "ajp"
local asker = require "asker"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.port_or_service(8009, "ajp13", "tcp")

function action(host, port)
  local path = stdnse.get_script_args(SCRIPT_NAME .. ".path") or "/"
  local helper = ajp.Helper:new(host, port)
  local status, response = helper:connect()
  if status then
    status, response = helper:get(path)
  end
  helper:close()
  if not status then
    return asker.unanswered(port, { "ajp13" }, response)
  end
  return #response.rawheaders > 0 and stdnse.format_output(true, response.rawheaders) or nil
end
