description = [[
Shows the names and the version of Windows that a web server tells in its NTLM challenge, without a
login (MS-NTHT; also where it offers only Negotiate, RFC 4559).
]]
---
-- @args http-ntlm-info.root The path that wants a login; default "/".
--
-- @output
-- | http-ntlm-info:
-- |   Target_Name: CORP
-- |   NetBIOS_Domain_Name: CORP
-- |   NetBIOS_Computer_Name: WEB01
-- |   DNS_Domain_Name: corp.example.com
-- |   DNS_Computer_Name: web01.corp.example.com
-- |   DNS_Tree_Name: example.com
-- |_  Product_Version: 10.0.17763

author = "Muster"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

identity = { "DNS_Computer_Name" }
volatile = {}

local http = require "http"
local api = require "http.api"
local ntlm = require "ntlm"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.http

-- The answer to a login of this scheme: its challenge, the schemes that the server names, all of it.
local function challenge(host, port, path, scheme)
  local response = http.get(host, port, path, {
    header = { Authorization = scheme .. " " .. ntlm.negotiate64() },
    bypass_cache = true, no_cache = true, redirect_ok = false,
  })
  local offered = response.header and response.header["www-authenticate"]
  for _, entry in ipairs(offered and http.parse_www_authenticate(offered) or {}) do
    if entry.params[1] and entry.scheme:lower() == scheme:lower() then
      return ntlm.decode64(entry.params[1]), offered, response
    end
  end
  return nil, offered, response
end

function action(host, port)
  local path = stdnse.get_script_args(SCRIPT_NAME .. ".root") or "/"
  local blob, offered, response = challenge(host, port, path, "NTLM")
  api.first_or_refused(host, port, response)
  if not blob and offered and offered:lower():find("negotiate", 1, true) then
    blob = challenge(host, port, path, "Negotiate")
  end
  return (ntlm.facts(blob))
end
