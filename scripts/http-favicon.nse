description = [[
Takes the icon of a web site and names the program that it is known to come with; with -v the MD5
digest of an icon that is not known. (http-icon shows every icon's digest.)
]]
---
-- @args http-favicon.uri  The icon's path (that of the page's link element, else /favicon.ico).
--
-- @output
-- |_http-favicon: Apache Tomcat

author = "Muster"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

identity = {}
volatile = {}

local datafiles = require "datafiles"
local icon = require "http.icon"
local nmap = require "nmap"
local openssl = require "openssl"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.http

local function known(digest)
  local status, list = datafiles.parse_file("nselib/data/favicons",
    { ["^%s*(%x+)"] = "^%s*%x+%s+(.+)" })
  return status and list[digest] or nil
end

function action(host, port)
  local body = icon.fetch(host, port, stdnse.get_script_args(SCRIPT_NAME .. ".uri"))
  if not body then
    return nil
  end
  local digest = stdnse.tohex(openssl.md5(body))
  local name = known(digest)
  if name then
    return { md5 = digest, product = name }, name
  elseif nmap.verbosity() > 0 then
    return { md5 = digest }, "Unknown favicon MD5: " .. digest:upper()
  end
end
