description = [[
Shows which of the headers that protect browsers a web server sends, and which one expects but
does not find over TLS.
]]
---
-- @args http-security-headers.path  The page to ask for ("/").
--
-- @output
-- | http-security-headers:
-- |   Strict_Transport_Security:
-- |     Header: Strict-Transport-Security: max-age=31536000
-- |   X_Frame_Options:
-- |_    Header: X-Frame-Options: DENY

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "safe" }

identity = {}
volatile = { "Expires" }

local http = require "http"
local api = require "http.api"
local shortport = require "shortport"
local stdnse = require "stdnse"
local transient = require "transient"

portrule = shortport.http

local watched = {
  "Strict-Transport-Security", "Public-Key-Pins", "Public-Key-Pins-Report-Only", "X-Frame-Options",
  "X-XSS-Protection",
  "X-Content-Type-Options", "Content-Security-Policy", "X-Permitted-Cross-Domain-Policies",
  "Referrer-Policy",
  "Permissions-Policy", "Expect-CT", "Cache-Control", "Pragma", "Expires",
}

local function has_secure_cookie(response)
  for _, cookie in ipairs(response.cookies) do
    if cookie.secure then
      return true
    end
  end
  return false
end

function action(host, port)
  local path = stdnse.get_script_args(SCRIPT_NAME .. ".path") or "/"
  local response = api.first_or_refused(host, port, http.head(host, port, path))
  if not response.status then
    return nil
  end
  local output = stdnse.output_table()
  for _, name in ipairs(watched) do
    local value = response.header[name:lower()]
    if value then
      output[(name:gsub("-", "_"))] = { "Header: " .. name .. ": " .. transient.blank(value) }
    elseif name == "Strict-Transport-Security" and response.ssl then
      output.Strict_Transport_Security = { "HSTS not configured in HTTPS Server" }
    end
  end
  if response.ssl and has_secure_cookie(response) then
    output.Cookie = { "Cookies are secured with Secure Flag in HTTPS Connection" }
  end
  -- that the page of the usual port has none is a result, too, as under nmap
  local usual = port.number == 80 or port.number == 443
  return (#output > 0 or usual) and output or nil
end
