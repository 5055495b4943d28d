description = [[
Shows the version of PHP that a web server names in its headers.
]]
---
-- @output
-- |_http-php-version: Version from header x-powered-by: PHP/8.2.7

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "safe" }

identity = {}
volatile = {}

local api = require "http.api"
local http = require "http"
local shortport = require "shortport"

portrule = shortport.http

function action(host, port)
  local answers = false
  for _, path in ipairs({ "/", "/index.php" }) do
    local response = http.get(host, port, path)
    if path == "/" then
      api.first(port, response)
    end
    local header = response.header or {}
    for _, name in ipairs({ "x-powered-by", "server" }) do
      local version = (header[name] or ""):match("PHP/[%w.~+_-]+")
      if version then
        return ("Version from header %s: %s"):format(name, version)
      end
    end
    -- the page may fail for good
    if answers and (response.status or 0) < 500 then
      api.certain(response, path)
    end
    answers = api.counts(response)
  end
end
