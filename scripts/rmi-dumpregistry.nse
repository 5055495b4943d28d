description = [[
Lists what a Java RMI registry hands out to anyone: names, the interfaces behind them, and where their
objects listen. JMX, and many application servers, are reached that way; objects that Java reads from the
network have often been a way in.
]]
---
-- @output
-- | rmi-dumpregistry:
-- |   jmxrmi:
-- |     Classes: javax.management.remote.rmi.RMIServerImpl_Stub, ...
-- |     Address: 192.0.2.1
-- |_    Port: 40411

author = "Muster"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

identity = {}
-- Objects mostly listen on any port that is free.
volatile = { "Port" }
finding = "medium"

local asker = require "asker"
local jrmp = require "jrmp"
local nmap = require "nmap"
local shortport = require "shortport"
local stdnse = require "stdnse"

local services = { "java-rmi", "rmiregistry", "rmiactivation" }
portrule = shortport.port_or_service({ 1090, 1098, 1099, 8901, 8902, 8903 }, services)

local names_max = 64

local function entry(info)
  local item = stdnse.output_table()
  item.Interfaces = #info.interfaces > 0 and table.concat(info.interfaces, ", ") or nil
  item.Classes = #info.classes > 0 and table.concat(info.classes, ", ") or nil
  item.Address = info.address
  item.Port = info.port
  return #item > 0 and item or "unknown"
end

function action(host, port)
  local registry, reason = jrmp.connect(host, port)
  local names
  if registry then
    names, reason = registry:list()
  end
  if not names then
    if registry then
      registry:close()
    end
    return asker.unanswered(port, services, reason)
  end
  port.version.name, port.version.product = "java-rmi", "Java RMI registry"
  nmap.set_port_version(host, port)
  table.sort(names)
  local output = stdnse.output_table()
  for i, name in ipairs(names) do
    local info, why
    if i <= names_max then
      info, why = registry:lookup(name)
    end
    if not info and asker.is_loss(why) then
      registry:close()
      asker.broken_off(why)
    end
    output[name] = info and entry(info) or "unknown"
  end
  registry:close()
  if #names == 0 then
    return "The registry is empty"
  end
  return output
end
