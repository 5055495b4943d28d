description = [[
Finds session cookies that lack the flag HttpOnly, or Secure over TLS.
]]
---
-- @args path, cookie  The page to ask for ("/"), the cookie to look at (those whose
--                     names are known for sessions).
--
-- @output
-- | http-cookie-flags:
-- |   /:
-- |     PHPSESSID:
-- |_      httponly flag not set

author = "Muster"
license = "Apache-2.0"
categories = { "default", "safe", "vuln" }

identity = {}
volatile = {}
finding = "low"

local http = require "http"
local api = require "http.api"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.http

local session_names = {
  "^PHPSESSID$", "^ASP%.NET_SessionId$", "^ASPSESSIONID", "^JSESSIONID$", "^CFID$", "^CFTOKEN$",
  "^session$", "^sid$",
  "^connect%.sid$", "^sess", "session", "^laravel_session$", "^_session_id$", "^csrftoken$",
  "^ci_session$",
}

local function is_session(name, wanted)
  if wanted then
    return name == wanted
  end
  for _, pattern in ipairs(session_names) do
    if name:find(pattern) or name:lower():find(pattern:lower()) then
      return true
    end
  end
  return false
end

-- IIS ends the names of ASP's sessions in letters that change when it starts.
local function lasting_name(name)
  return name:find("^ASPSESSIONID%u") and "ASPSESSIONID" or name
end

function action(host, port)
  local path = stdnse.get_script_args(SCRIPT_NAME .. ".path") or "/"
  local wanted = stdnse.get_script_args(SCRIPT_NAME .. ".cookie")
  local response = api.first(port, http.get(host, port, path))
  if not response.status then
    return nil
  end
  local faults = stdnse.output_table()
  for _, cookie in ipairs(response.cookies) do
    local lacks = {}
    if response.ssl and not cookie.secure then
      lacks[#lacks + 1] = "secure flag not set and HTTPS in use"
    end
    if not cookie.httponly then
      lacks[#lacks + 1] = "httponly flag not set"
    end
    if #lacks > 0 and is_session(cookie.name, wanted) then
      faults[lasting_name(cookie.name)] = lacks
    end
  end
  if #faults == 0 then
    return nil
  end
  local output = stdnse.output_table()
  output[path] = faults
  return output
end
