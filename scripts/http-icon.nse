description = [[
Shows the MD5 digest of a web site's icon, which is the same wherever the same program runs, its size
and its type.
]]
---
-- @args http-icon.uri  The icon's path (that of the page's link element, else /favicon.ico).
--
-- @output
-- | http-icon:
-- |   md5: 4644f2d45601037b8423d45e13194c93
-- |   bytes: 21630
-- |_  type: image/x-icon

author = "Muster"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

identity = {}
volatile = {}

local icon = require "http.icon"
local openssl = require "openssl"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.http

function action(host, port)
  local body, response = icon.fetch(host, port, stdnse.get_script_args(SCRIPT_NAME .. ".uri"))
  if not body then
    return nil
  end
  local output = stdnse.output_table()
  output.md5 = stdnse.tohex(openssl.md5(body))
  output.bytes = #body
  output.type = response.header["content-type"]
  return output
end
