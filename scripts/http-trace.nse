description = [[
Finds web servers that answer the method TRACE (RFC 9110, section 9.3.8) and so show what proxies
added to a request.
]]
---
-- @args http-trace.path  The page ("/").
--
-- @output
-- |_http-trace: TRACE is enabled
--
-- With -v the headers of the answer follow.

author = "Muster"
license = "Apache-2.0"
categories = { "vuln", "discovery", "safe" }

identity = {}
volatile = {}
finding = "low"

local http = require "http"
local api = require "http.api"
local nmap = require "nmap"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.http

function action(host, port)
  local path = stdnse.get_script_args(SCRIPT_NAME .. ".path") or "/"
  local response = api.first_or_refused(host, port, http.generic_request(host, port, "TRACE", path,
    { redirect_ok = false }))
  if response.status ~= 200 or not (response.body or ""):find("^TRACE ") then
    return nil
  end
  local lines = { "TRACE is enabled" }
  if nmap.verbosity() > 0 then
    lines[2] = "Headers:"
    for _, line in ipairs(response.rawheader or {}) do
      lines[#lines + 1] = line ~= "" and line or nil
    end
  end
  return table.concat(lines, "\n")
end
