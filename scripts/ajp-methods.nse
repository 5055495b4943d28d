description = [[
Shows the methods that a Tomcat says it supports when asked with OPTIONS over AJP 1.3.
]]
---
-- @args ajp-methods.path  The path that is asked for (/).
--
-- @output
-- | ajp-methods:
-- |   Supported methods: GET HEAD POST PUT DELETE OPTIONS
-- |_  Potentially risky methods: PUT DELETE

author = "Muster"
license = "Apache-2.0"
categories = { "default", "safe" }

identity = {}
volatile = {}
finding = "low"

local ajp = require "ajp"
local asker = require "asker"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.port_or_service(8009, "ajp13", "tcp")

local usual = { GET = true, HEAD = true, POST = true, OPTIONS = true }

function action(host, port)
  local path = stdnse.get_script_args(SCRIPT_NAME .. ".path") or "/"
  local helper = ajp.Helper:new(host, port)
  local status, response = helper:connect()
  if status then
    status, response = helper:options(path)
  end
  helper:close()
  if not status then
    return asker.unanswered(port, { "ajp13" }, response)
  end
  local allow = response.status == 200 and response.headers.allow
  if not allow then
    return nil
  end
  local methods, risky = {}, {}
  for method in allow:gmatch("%u+") do
    methods[#methods + 1] = method
    risky[#risky + 1] = not usual[method] and method or nil
  end
  local lines = { "Supported methods: " .. table.concat(methods, " ") }
  if #risky > 0 then
    lines[2] = "Potentially risky methods: " .. table.concat(risky, " ")
  end
  return stdnse.format_output(true, lines)
end
