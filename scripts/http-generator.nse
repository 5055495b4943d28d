description = [[
Shows the generator that a web page names in its meta tags: the content management system, often
with its version.
]]
---
-- @args http-generator.path       The page to look at ("/").
-- @args http-generator.redirects  How many redirects to follow (3).
--
-- @output
-- |_http-generator: WordPress 6.4.2

author = "Muster"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

identity = {}
volatile = {}

local http = require "http"
local api = require "http.api"
local page = require "http.page"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.http

local function generator_of(body)
  for attributes in body:gmatch("<%s*[Mm][Ee][Tt][Aa]%f[%s]([^<>]+)>") do
    local name = page.attribute(attributes, "name")
    if name and name:lower() == "generator" then
      return page.attribute(attributes, "content")
    end
  end
end

function action(host, port)
  local path, redirects = stdnse.get_script_args(SCRIPT_NAME .. ".path", SCRIPT_NAME
    .. ".redirects")
  local response = api.first(port, http.get(host, port, path or "/",
    { redirect_ok = tonumber(redirects) or 3 }))
  if not response.status or not response.body then
    return nil
  end
  local generator = generator_of(response.body)
  return generator ~= "" and generator or nil
end
