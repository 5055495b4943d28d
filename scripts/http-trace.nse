description = [[
Finds web servers that answer the method TRACE (RFC 9110, section 9.3.8) and so show what proxies
added to a request.
]]
---
-- @args http-trace.path  The page ("/").
--
-- @output
-- | http-trace: TRACE is enabled
-- | Headers:
-- | Date: Sat, 28 Nov 2026 12:00:00 GMT
-- |_Server: Apache

author = "Muster"
license = "Apache-2.0"
categories = { "vuln", "discovery", "safe" }

identity = {}
volatile = { "*" }
finding = "low"

local http = require "http"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.http

function action(host, port)
  local path = stdnse.get_script_args(SCRIPT_NAME .. ".path") or "/"
  local response = http.generic_request(host, port, "TRACE", path, { redirect_ok = false })
  if response.status ~= 200 or not (response.body or ""):find("^TRACE ") then
    return nil
  end
  local lines = { "TRACE is enabled", "Headers:" }
  for _, line in ipairs(response.rawheader or {}) do
    lines[#lines + 1] = line ~= "" and line or nil
  end
  return table.concat(lines, "\n")
end
