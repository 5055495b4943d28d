description = [[
Shows what a MySQL or MariaDB server says of itself before anyone logs in: version, capabilities,
login method.
]]
---
-- @output
-- | mysql-info:
-- |   Protocol: 10
-- |   Version: 8.0.35
-- |   Thread ID: 4
-- |   Capabilities flags: 65535
-- |   Status: Autocommit
-- |_  Auth Plugin Name: caching_sha2_password

author = "Muster"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

identity = {}
volatile = { "Thread ID", "Salt" }

local asker = require "asker"
local comm = require "comm"
local mysql = require "mysql"
local outlib = require "outlib"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.port_or_service(3306, "mysql")

-- Refusals that will pass, and say nothing of the server: too many connections (also of one user),
-- and too many that broke off.
local transient = { [1040] = true, [1129] = true, [1203] = true }

-- Names of the bits that are set, sorted.
local function names_of(value, bits, names)
  for name, bit in pairs(bits) do
    if value & bit ~= 0 then
      names[#names + 1] = name
    end
  end
  table.sort(names)
  return names
end

local function status_text(status)
  if status == mysql.ServerStatus.AutoCommit then
    return "Autocommit"
  end
  return tostring(status)
end

function action(host, port)
  local socket, why = comm.opencon(host, port, nil, { connect_only = true, proto = "tcp",
    timeout = 5000 })
  if not socket then
    return asker.unanswered(port, { "mysql", plain = true }, why)
  end
  local status, greeting = mysql.receiveGreeting(socket)
  socket:close()
  if not status then
    return asker.unanswered(port, { "mysql", plain = true }, greeting)
  end
  local output = stdnse.output_table()
  if transient[greeting.errorcode] then
    error(greeting.errormsg, 0)
  elseif greeting.errorcode then
    output["MySQL Error"] = greeting.errormsg
    return output
  end
  output.Protocol = greeting.proto
  output.Version = greeting.version
  output["Thread ID"] = greeting.threadid
  output["Capabilities flags"] = greeting.capabilities
  local names = names_of(greeting.capabilities or 0, mysql.Capabilities, {})
  names = names_of(greeting.extcapabilities or 0, mysql.ExtCapabilities, names)
  outlib.list_sep(names)
  output["Some Capabilities"] = names
  output.Status = greeting.status and status_text(greeting.status)
  output.Salt = greeting.salt
  output["Auth Plugin Name"] = greeting.auth_plugin_name
  return output
end
