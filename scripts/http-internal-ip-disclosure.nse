description = [[
Finds web servers that tell an address of their inside when a request of HTTP/1.0 names no host:
they put it into the redirect.
]]
---
-- @args http-internal-ip-disclosure.path  The page to ask for ("/").
--
-- @output
-- | http-internal-ip-disclosure:
-- |_  Internal IP Leaked: 10.1.2.3

author = "Muster"
license = "Apache-2.0"
categories = { "vuln", "discovery", "safe" }

identity = {}
volatile = {}
finding = "low"

local comm = require "comm"
local api = require "http.api"
local ipOps = require "ipOps"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.http

local headers = { "[Ll]ocation", "[Cc]ontent%-[Ll]ocation", "[Ww][Ww][Ww]%-[Aa]uthenticate" }

function action(host, port)
  local path = stdnse.get_script_args(SCRIPT_NAME .. ".path") or "/"
  local socket, answer = comm.tryssl(host, port, ("GET %s HTTP/1.0\r\n\r\n"):format(path))
  if not socket then
    api.first_or_refused(host, port, { ["status-line"] = answer })
    return nil
  end
  socket:close()
  local head = (answer or ""):match("^(.-)\r?\n\r?\n") or answer or ""
  for _, name in ipairs(headers) do
    local address = head:match("\n" .. name .. ":[^\r\n]-%f[%d](%d+%.%d+%.%d+%.%d+)%f[^%d.]")
    if address and address ~= host.ip and ipOps.isPrivate(address) then
      local output = stdnse.output_table()
      output["Internal IP Leaked"] = address
      return output
    end
  end
end
