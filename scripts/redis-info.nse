description = [[
Shows what a Redis server tells anyone who asks with INFO: version, system, role, addresses,
clients.
]]
---
-- @args creds.redis  The password, if one is needed.
--
-- @output
-- | redis-info:
-- |   Version: 7.0.15
-- |   Operating System: Linux 6.1.0 x86_64
-- |_  Role: master

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "safe" }

identity = {}
volatile = {
  "Process ID", "Used CPU (sys)", "Used CPU (user)", "Connected clients", "Used memory",
  "Client connections",
}
-- a server that answers needs no password
finding = "high"

local asker = require "asker"
local creds = require "creds"
local redis = require "redis"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.port_or_service(6379, "redis")

local function fields_of(text)
  local fields = {}
  for name, value in text:gmatch("%f[%w_]([%w_]+):([^\r\n]*)") do
    fields[name] = value
  end
  return fields
end

-- Output name, name in INFO, how it is shown.
local shown = {
  { "Version", "redis_version" },
  { "Operating System", "os" },
  { "Architecture", "arch_bits", "%s bits" },
  { "Process ID", "process_id" },
  { "Used CPU (sys)", "used_cpu_sys" },
  { "Used CPU (user)", "used_cpu_user" },
  { "Connected clients", "connected_clients" },
  { "Connected slaves", "connected_slaves" },
  { "Used memory", "used_memory_human" },
  { "Role", "role" },
}

local function ask(helper, ...)
  local status, reply = helper:reqCmd(...)
  local Type = redis.Response.Type
  if not status or reply.type == Type.ERROR then
    return nil, status and reply.data or reply
  end
  return reply.data
end

local function authenticate(helper, host, port)
  local list = creds.Credentials:new(creds.ALL_DATA, host, port)
  for entry in list:getCredentials(creds.State.VALID | creds.State.PARAM) do
    local secret = entry.pass ~= "" and entry.pass or entry.user
    if secret and ask(helper, "AUTH", secret) then
      return true
    end
  end
  return false
end

-- The answer to a further question, which the server may refuse.
local function follow(helper, ...)
  local reply, reason = ask(helper, ...)
  if not reply and asker.is_loss(reason) then
    helper:close()
    asker.broken_off(reason)
  end
  return reply
end

local function bind_addresses(helper)
  local reply = follow(helper, "CONFIG", "GET", "bind")
  local value = type(reply) == "table" and type(reply[2]) == "table" and reply[2].data
  local list = {}
  for address in (type(value) == "string" and value or ""):gmatch("%S+") do
    list[#list + 1] = address
  end
  return #list > 0 and list or nil
end

local function client_addresses(helper)
  local reply = follow(helper, "CLIENT", "LIST")
  local list, seen = {}, {}
  for address in (type(reply) == "string" and reply or ""):gmatch("%f[%w]addr=([^%s=]+):%d+") do
    if not seen[address] then
      seen[address] = true
      list[#list + 1] = address
    end
  end
  table.sort(list)
  return #list > 0 and list or nil
end

function action(host, port)
  local helper = redis.Helper:new(host, port)
  local connected, why = helper:connect()
  if not connected then
    return asker.unanswered(port, { "redis" }, why)
  end
  local text, reason = ask(helper, "INFO")
  if not text and tostring(reason):find("NOAUTH", 1, true) and authenticate(helper, host, port) then
    text = ask(helper, "INFO")
  end
  if type(text) ~= "string" then
    helper:close()
    asker.check_busy(reason, "LOADING", "BUSY", "max number of clients")
    return asker.unanswered(port, { "redis" }, reason)
  end
  local fields, output = fields_of(text), stdnse.output_table()
  for _, item in ipairs(shown) do
    local value = fields[item[2]]
    output[item[1]] = value and (item[3] or "%s"):format(value)
  end
  output["Bind addresses"] = bind_addresses(helper)
  output["Client connections"] = client_addresses(helper)
  helper:close()
  return #output > 0 and output or nil
end
