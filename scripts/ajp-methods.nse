description = [[
Shows the methods that a Tomcat server says it supports when asked over AJP. A connector that
strangers reach lets them send requests as if a web server had checked them (CVE-2020-1938).
]]
---
-- @args ajp-methods.path  The path to ask about ("/").
--
-- @output
-- | ajp-methods:
-- |   Supported methods: GET HEAD POST PUT DELETE TRACE OPTIONS
-- |   Potentially risky methods: PUT DELETE TRACE
-- |_  See https://nmap.org/nsedoc/scripts/ajp-methods.html

author = "Muster"
license = "Apache-2.0"
categories = { "default", "safe", "discovery" }

identity = {}
volatile = {}
finding = "medium"

local ajp = require "ajp"
local shortport = require "shortport"
local stdnse = require "stdnse"
local stringaux = require "stringaux"

portrule = shortport.port_or_service(8009, "ajp13")

local harmless = { GET = true, HEAD = true, POST = true, OPTIONS = true }

function action(host, port)
  local helper = ajp.Helper:new(host, port)
  if not helper:connect() then
    return nil
  end
  local status, response = helper:options(stdnse.get_script_args(SCRIPT_NAME .. ".path") or "/")
  helper:close()
  if not status then
    return nil
  end
  port.version.name = "ajp13"
  nmap.set_port_version(host, port, "softmatched")
  local allow = response.status == 200 and response.headers.allow
  if not allow then
    return "OPTIONS is answered with " .. response.status .. ", without methods"
  end
  local supported, risky = stringaux.strsplit(",%s*", allow), {}
  for _, method in ipairs(supported) do
    if not harmless[method] then
      risky[#risky + 1] = method
    end
  end
  local output, lines = stdnse.output_table(), {}
  output["Supported methods"] = supported
  lines[1] = "Supported methods: " .. table.concat(supported, " ")
  if #risky > 0 then
    output["Potentially risky methods"] = risky
    lines[2] = "Potentially risky methods: " .. table.concat(risky, " ")
    lines[3] = "See https://nmap.org/nsedoc/scripts/ajp-methods.html"
  end
  return output, stdnse.format_output(true, lines)
end
