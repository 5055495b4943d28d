description = [[
Shows the instances of Microsoft SQL Server on a host and their versions, as the browser service and
the servers themselves tell anyone.
]]
---
-- @output
-- | ms-sql-info:
-- |   Windows server name: DB01
-- |   192.0.2.1\PROD:
-- |     Instance name: PROD
-- |     Version:
-- |       name: Microsoft SQL Server 2019 RTM+
-- |       number: 15.00.4322.00
-- |       Product: Microsoft SQL Server 2019
-- |       Service pack level: RTM
-- |       Post-SP patches applied: true
-- |     TCP port: 1433
-- |     Named pipe: \\DB01\pipe\MSSQL$PROD\sql\query
-- |_    Clustered: false

author = "Muster"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

identity = {}
volatile = {}

local asker = require "asker"
local mssql = require "mssql"
local nmap = require "nmap"
local stdnse = require "stdnse"

hostrule = mssql.Helper.GetHostrule()

local asked_max = 8

-- The server itself knows its version better than the browser service.
local function ask_server(host, instance)
  local helper = mssql.Helper:new()
  local status, reason = helper:ConnectEx(instance)
  if not status then
    stdnse.debug1("%s: %s", instance:GetName(), reason)
    asker.unanswered(nmap.get_port_state(host, instance.port) or {}, { "ms-sql-s" }, reason)
    return
  end
  helper:Disconnect()
  instance.version = helper.prelogin.version
  instance.answered = true
end

local function tell_version(host, instance)
  local port = nmap.get_port_state(host, instance.port)
  if port then
    port.version = port.version or {}
    port.version.name, port.version.product = "ms-sql-s", instance.version.productName
    port.version.version = instance.version.versionNumber
    nmap.set_port_version(host, port)
  end
end

local function version_table(version)
  local out = stdnse.output_table()
  out.name = version:ToString()
  out.number = version.versionNumber
  out.Product = version.productName
  out["Service pack level"] = version.servicePackLevel
  out["Post-SP patches applied"] = version.patched
  return out
end

local function describe(instance)
  local out = stdnse.output_table()
  out["Instance name"] = instance.instanceName
  if instance.version and instance.version.versionNumber ~= "" then
    out.Version = version_table(instance.version)
  end
  out["TCP port"] = instance.port and instance.port.number
  out["Named pipe"] = instance.pipeName
  out.Clustered = instance.isClustered
  return out
end

function action(host)
  local output = stdnse.output_table()
  local instances, silence = mssql.Helper.Discover(host)
  local browser = nmap.get_port_state(host, mssql.SSRP.PORT)
  if silence and browser and browser.state == "open" then
    -- it has answered someone, and knows more than the servers
    asker.broken_off(silence)
  end
  for i, instance in ipairs(instances) do
    if instance.port and i <= asked_max then
      ask_server(host, instance)
    end
    if instance.answered then
      tell_version(host, instance)
    end
    -- a port alone, where nothing answers, is no instance
    if instance.answered or instance.instanceName then
      output["Windows server name"] = output["Windows server name"] or instance.serverName
      output[instance:GetName()] = describe(instance)
    end
  end
  return #output > 0 and output or nil
end
