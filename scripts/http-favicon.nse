description = [[
Takes the icon of a web site and names the program that it is known to come with; else shows its
MD5 digest, which is the same wherever the same program runs.
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
local http = require "http"
local nmap = require "nmap"
local openssl = require "openssl"
local page = require "http.page"
local shortport = require "shortport"
local stdnse = require "stdnse"
local url = require "url"

portrule = shortport.http

local function is_icon(response)
  local kind = response.header and response.header["content-type"] or ""
  return response.status == 200 and response.body and #response.body > 0
    and not kind:find("text/html", 1, true)
end

-- The icon that a page names in <link rel="icon" href="...">, as a path on the same host.
local function linked_icon(host, port)
  local response = http.get(host, port, "/")
  for attributes in (response.body or ""):gmatch("<%s*[Ll][Ii][Nn][Kk]%f[%s]([^<>]+)>") do
    local rel, href = page.attribute(attributes, "rel"), page.attribute(attributes, "href")
    if rel and href and rel:lower():find("icon", 1, true) then
      local parsed = url.parse(url.absolute("http://host/", href))
      return parsed and parsed.host == "host" and parsed.path or nil
    end
  end
end

local function icon(host, port)
  local given = stdnse.get_script_args(SCRIPT_NAME .. ".uri")
  local linked = not given and linked_icon(host, port) or nil
  for _, path in ipairs({ given or "/favicon.ico", linked }) do
    local response = http.get(host, port, path)
    if is_icon(response) then
      return response.body
    end
  end
end

local function known(digest)
  local status, list = datafiles.parse_file("nselib/data/favicons",
    { ["^%s*(%x+)"] = "^%s*%x+%s+(.+)" })
  return status and list[digest] or nil
end

function action(host, port)
  local body = icon(host, port)
  if not body then
    return nil
  end
  local digest = stdnse.tohex(openssl.md5(body))
  local name = known(digest)
  local text = name
  if not name and nmap.verbosity() > 0 then
    text = "Unknown favicon MD5: " .. digest:upper()
  end
  return { md5 = digest, product = name }, text or ""
end
