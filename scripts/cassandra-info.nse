description = [[
Shows what a Cassandra or ScyllaDB node tells: versions of its languages and protocols, whether one
must log in and, if not, the names and versions of node and cluster.
]]
---
-- @output
-- | cassandra-info:
-- |   CQL version: 3.4.6
-- |   Protocol versions: 3/v3, 4/v4, 5/v5
-- |   Compression: lz4, snappy
-- |   Login without password: yes
-- |   Cluster name: Test Cluster
-- |   Version: 4.1.3
-- |   Data center: datacenter1
-- |   Rack: rack1
-- |_  Host ID: 2b3c4d5e-0102-4304-8506-0708090a0b0c

author = "Muster"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

identity = { "Host ID" }
volatile = {}
finding = { ["Login without password"] = "high" }

local asker = require "asker"
local cassandra = require "cassandra"
local comm = require "comm"
local nmap = require "nmap"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.port_or_service({ 9042, 9142, 9160 }, { "cassandra", "cassandra-thrift" })

local function connected(host, port, protocol)
  return comm.opencon(host, port, nil, { proto = protocol, connect_only = true, timeout = 8000 })
end

-- The answer to OPTIONS in a version that the server knows: socket, options, version.
local function ask_options(host, port, protocol)
  local version = 4
  for _ = 1, 2 do
    local socket, reason = connected(host, port, protocol)
    if not socket then
      return nil, reason
    end
    local status, options = cassandra.options(socket, version)
    if status then
      return socket, options, version
    end
    socket:close()
    version = cassandra.greatest_version(options)
    if not version or version > 4 then
      return nil, options
    end
  end
end

local columns = {
  { "Cluster name", "cluster_name" }, { "Version", "release_version" },
  { "Data center", "data_center" }, { "Rack", "rack" }, { "Host ID", "host_id" },
}

local function show_node(output, socket, version)
  local status, row = cassandra.select_one(socket, version, "SELECT cluster_name, release_version,"
    .. " data_center, rack, host_id FROM system.local")
  if not status then
    return asker.broken_off(row)
  end
  for _, column in ipairs(columns) do
    output[column[1]] = row[column[2]]
  end
end

local function joined(list)
  return list and list[1] and table.concat(list, ", ") or nil
end

local function by_cql(host, port)
  local socket, options, version, reason
  for _, protocol in ipairs({ "tcp", "ssl" }) do
    if not socket then
      reason = reason or options
      socket, options, version = ask_options(host, port, protocol)
    end
  end
  if not socket then
    return nil, reason
  end
  local output = stdnse.output_table()
  output["CQL version"] = joined(options.CQL_VERSION)
  output["Protocol versions"] = joined(options.PROTOCOL_VERSIONS)
  output.Compression = joined(options.COMPRESSION)
  local cql_version = (options.CQL_VERSION or {})[1] or "3.0.0"
  local status, class = cassandra.startup(socket, version, cql_version)
  if status and class then
    output.Login = class:match("[^.]+$")
  elseif status then
    output["Login without password"] = "yes"
    show_node(output, socket, version)
  else
    asker.broken_off(class)
  end
  socket:close()
  return #output > 0 and output or nil
end

local function by_thrift(host, port)
  local socket, reason = connected(host, port, "tcp")
  if not socket then
    return nil, reason
  end
  local output = stdnse.output_table()
  local status, name = cassandra.describe_cluster_name(socket)
  if status then
    output["Cluster name"] = name
    local more, version = cassandra.describe_version(socket)
    output.Version = more and version or nil
  end
  socket:close()
  return #output > 0 and output or nil, name
end

-- In the order that the port suggests: the result, or nil and why the first way had none.
local function ask(host, port)
  local first, second = by_cql, by_thrift
  if port.number == 9160 or port.service == "cassandra-thrift" then
    first, second = by_thrift, by_cql
  end
  local output, reason = first(host, port)
  return output or second(host, port), reason
end

function action(host, port)
  local output, reason = ask(host, port)
  if not output then
    return asker.unanswered(port, { "cassandra", "cassandra-thrift" }, reason)
  end
  if output.Version then
    port.version.name, port.version.version = "cassandra", output.Version
    nmap.set_port_version(host, port)
  end
  return output
end
