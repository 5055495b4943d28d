description = [[
Shows the methods that a web server says it supports when asked with OPTIONS. Those that may
change something are marked as potentially risky.
]]
---
-- @args http-methods.url-path  The page to ask about ("/").
--
-- @output
-- | http-methods:
-- |   Supported Methods: GET HEAD POST PUT
-- |_  Potentially risky methods: PUT

author = "Muster"
license = "Apache-2.0"
categories = { "default", "safe" }

identity = {}
volatile = {}
finding = { ["Potentially risky methods"] = "low" }

local http = require "http"
local outlib = require "outlib"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.http

local harmless = { GET = true, HEAD = true, POST = true, OPTIONS = true }

-- Methods in the order in which the headers name them, each once.
local function methods_of(response)
  local methods, seen = {}, {}
  for _, name in ipairs({ "allow", "public" }) do
    for method in (response.header[name] or ""):gmatch("[^,%s]+") do
      if not seen[method] then
        seen[method] = true
        methods[#methods + 1] = method
      end
    end
  end
  return methods
end

function action(host, port)
  local path = stdnse.get_script_args(SCRIPT_NAME .. ".url-path") or "/"
  local response = http.generic_request(host, port, "OPTIONS", path)
  if not response.status then
    return nil
  end
  local methods = methods_of(response)
  if #methods == 0 then
    return nil
  end
  local risky = {}
  for _, method in ipairs(methods) do
    if not harmless[method] then
      risky[#risky + 1] = method
    end
  end
  outlib.list_sep(methods, " ")
  local output = stdnse.output_table()
  output["Supported Methods"] = methods
  if #risky > 0 then
    outlib.list_sep(risky, " ")
    output["Potentially risky methods"] = risky
  end
  if path ~= "/" then
    output["Path tested"] = path
  end
  return output
end
