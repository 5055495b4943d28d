description = [[
Asks an Oracle listener for its version, which it tells whether or not it lets anyone in, and fills
in the product.
]]
---
-- @output
-- PORT     STATE SERVICE    VERSION
-- 1521/tcp open  oracle-tns Oracle TNS listener 11.2.0.2.0 (unauthorized)

author = "Muster"
license = "Apache-2.0"
categories = { "version", "safe" }

identity = {}
volatile = {}

local asker = require "asker"
local nmap = require "nmap"
local shortport = require "shortport"
local stdnse = require "stdnse"
local tns = require "tns"

portrule = shortport.version_port_or_service({ 1521, 1522, 1523, 1525, 1526, 1575, 1630, 2483 },
  { "oracle-tns", "oracle" })

local function ask(host, port)
  local connection, answer = tns.Comm:connect(host, port)
  if not connection then
    return nil, answer
  end
  local status
  status, answer = connection:ask(tns.COMMAND_VERSION)
  connection:close()
  return status and answer or nil, answer
end

function action(host, port)
  local answer, reason = ask(host, port)
  if not answer then
    return asker.unanswered(port, { "oracle-tns", "oracle" }, reason)
  end
  port.version.name, port.version.product = "oracle-tns", "Oracle TNS listener"
  port.version.version = tns.version_of(answer.text)
  -- 1189: the listener could not find out who asks
  if not answer.accepted and tns.value(answer.text, "ERR") == "1189" then
    port.version.extrainfo = "unauthorized"
  end
  nmap.set_port_version(host, port)
  return nil
end
