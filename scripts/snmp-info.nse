description = [[
Shows the engine of an SNMP 3 agent, which it tells without any credentials: maker, engine id, how
often and since when it runs.
]]
---
-- @output
-- | snmp-info:
-- |   enterprise: net-snmp
-- |   engineIDFormat: unknown
-- |   engineIDData: 4c8f7b29e25f036b00000000
-- |   snmpEngineBoots: 1
-- |_  snmpEngineTime: 31m08s

author = "Muster"
license = "Apache-2.0"
categories = { "default", "version", "safe" }

-- The engine id is made once for a device; it often holds its hardware address.
identity = { "engineIDData" }
volatile = { "snmpEngineTime" }

local asker = require "asker"
local datafiles = require "datafiles"
local datetime = require "datetime"
local ipOps = require "ipOps"
local shortport = require "shortport"
local snmp = require "snmp"
local stdnse = require "stdnse"

portrule = shortport.version_port_or_service(161, "snmp", "udp", { "open", "open|filtered" })

local function enterprise_name(number)
  for _, file in ipairs({ "nselib/data/enterprise-numbers",
    "nselib/data/enterprise_numbers.txt" }) do
    local path = nmap.fetchfile(file)
    local status, result = false, nil
    if path then
      status, result = datafiles.parse_file(path, { { ["^(%d+)%s"] = "^%d+%s+(.+)$" } })
    end
    local name = status and result[1] and result[1][tostring(number)]
    if name then
      return name
    end
  end
  return "unknown"
end

local formats = {
  { "ipv4", ipOps.str_to_ip },
  { "ipv6", ipOps.str_to_ip },
  { "mac", stdnse.format_mac },
  { "text", function(data)
    return data
  end },
  { "octets", function(data)
    return stdnse.tohex(data)
  end },
}

-- RFC 3411, SnmpEngineID: four bytes of maker, of newer ones with the top bit set and a format
-- behind.
local function describe_engine(output, id)
  local number = string.unpack(">I4", id)
  output.enterprise = enterprise_name(number & 0x7fffffff)
  if number & 0x80000000 == 0 then
    output.engineIDFormat = "unknown"
    output.engineIDData = stdnse.tohex(id:sub(5))
    return
  end
  local format = formats[id:byte(5)]
  local data = id:sub(6)
  output.engineIDFormat = format and format[1] or "unknown"
  output.engineIDData = format and format[2](data) or stdnse.tohex(data)
end

function action(host, port)
  local status, engine = snmp.discover_engine(host, port)
  if not status then
    return asker.unanswered(port, { "snmp" }, engine)
  elseif #engine.engine_id < 5 then
    return nil
  end
  nmap.set_port_state(host, port, "open")
  local output = stdnse.output_table()
  describe_engine(output, engine.engine_id)
  output.snmpEngineBoots = engine.boots
  output.snmpEngineTime = datetime.format_time(engine.time)
  port.version.name = "snmp"
  port.version.product = port.version.product or "SNMPv3 server"
  port.version.extrainfo = output.enterprise ~= "unknown" and output.enterprise or nil
  nmap.set_port_version(host, port, "softmatched")
  return output
end
