description = [[
Finds SNMP agents that take a community name everyone knows: "public" or "private". Whoever knows it
reads what the agent knows, and SNMP versions 1 and 2c send it in the clear. Reads one value with
each name, once, and writes nothing.
]]
---
-- @args snmp-public.names  Community names to try ("public,private").
--
-- @output
-- | snmp-public:
-- |   public:
-- |     versions: v1, v2c
-- |_    system: Linux router 6.1.0

author = "Muster"
license = "Apache-2.0"
categories = { "auth", "intrusive" }

identity = {}
volatile = {}
finding = "medium"

local shortport = require "shortport"
local snmp = require "snmp"
local stdnse = require "stdnse"
local stringaux = require "stringaux"

portrule = shortport.port_or_service(161, "snmp", "udp", { "open", "open|filtered" })

local versions = { { 0, "v1" }, { 1, "v2c" } }

-- What the agent says of itself to a community in a version, or nil.
local function describes(host, port, community, version)
  local helper = snmp.Helper:new(host, port, community, { version = version, timeout = 2000 })
  if not helper:connect() then
    return nil
  end
  local status, values = helper:get({}, "1.3.6.1.2.1.1.1.0")
  helper.socket:close()
  if not status then
    helper:check_silence(values)
  end
  return status and values[1] and values[1][1] and tostring(values[1][1]) or nil
end

function action(host, port)
  local output = stdnse.output_table()
  local names = stdnse.get_script_args(SCRIPT_NAME .. ".names") or "public,private"
  for _, community in ipairs(stringaux.strsplit(",%s*", names)) do
    local taken, system = {}, nil
    for _, version in ipairs(versions) do
      local text = describes(host, port, community, version[1])
      if text then
        taken[#taken + 1], system = version[2], text:gsub("%c", ".")
      end
    end
    if #taken > 0 then
      local one = stdnse.output_table()
      one.versions = table.concat(taken, ", ")
      one.system = system
      output[community] = one
    end
  end
  if #output == 0 then
    return nil
  end
  nmap.set_port_state(host, port, "open")
  return output
end
