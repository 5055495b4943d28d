description = [[
Shows what a Riak node tells of itself over HTTP: name, version, members of its ring, system.
]]
---
-- @output
-- | riak-http-info:
-- |   Node name: riak@127.0.0.1
-- |   Version: 2.2.3
-- |_  System architecture: x86_64-unknown-linux-gnu

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "safe" }

identity = { "Node name" }
volatile = { "Logical CPUs", "Active processes", "Total memory" }
finding = "high"

local api = require "http.api"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.port_or_service(8098, "http")

local fields = {
  { "Node name", "nodename" }, { "Version", "riak_kv_version" }, { "Architecture", "sys_system_architecture" },
  { "Storage backend", "storage_backend" }, { "System version", "sys_system_version" },
  { "OTP release", "sys_otp_release" }, { "Ring partitions", "ring_num_partitions" },
}

function action(host, port)
  local answer = api.get(host, port, "/stats")
  if not answer or type(answer.riak_kv_version) ~= "string" then
    return nil
  end
  local output = api.pick(answer, fields) or stdnse.output_table()
  local members = {}
  for i, name in ipairs(type(answer.ring_members) == "table" and answer.ring_members or {}) do
    members[i] = tostring(name)
  end
  output["Ring members"] = #members > 0 and members or nil
  return output
end
