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

local http = require "http"
local shortport = require "shortport"

portrule = shortport.http

function action(host, port)
  for _, path in ipairs({ "/", "/index.php" }) do
    local header = http.get(host, port, path).header or {}
    for _, name in ipairs({ "x-powered-by", "server" }) do
      local version = (header[name] or ""):match("PHP/[%w.~+_-]+")
      if version then
        return ("Version from header %s: %s"):format(name, version)
      end
    end
  end
end
