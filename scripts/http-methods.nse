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
local api = require "http.api"
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

local function risky_of(methods)
  local risky = {}
  for _, method in ipairs(methods) do
    if not harmless[method] then
      risky[#risky + 1] = method
    end
  end
  return risky
end

local function data_of(methods, path)
  local data, risky = stdnse.output_table(), risky_of(methods)
  data["Supported Methods"] = methods
  data["Potentially risky methods"] = risky[1] and risky
  data["Path tested"] = path ~= "/" and path or nil
  return data
end

local function lines_of(methods, path)
  local lines = { "", "Supported Methods: " .. table.concat(methods, " ") }
  local risky = risky_of(methods)
  if risky[1] then
    lines[#lines + 1] = "Potentially risky methods: " .. table.concat(risky, " ")
  end
  if path ~= "/" then
    lines[#lines + 1] = "Path tested: " .. path
  end
  return table.concat(lines, "\n  ")
end

function action(host, port)
  local path = stdnse.get_script_args(SCRIPT_NAME .. ".url-path") or "/"
  local response = api.first_or_refused(host, port, http.generic_request(host, port, "OPTIONS", path))
  if not response.status then
    return nil
  end
  local methods = methods_of(response)
  if #methods == 0 then
    return nil
  end
  local lines = lines_of(methods, path)
  -- some servers name them in another order each time
  table.sort(methods)
  return data_of(methods, path), lines
end
