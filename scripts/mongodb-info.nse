description = [[
Shows the build of a MongoDB server and, where it takes commands without a login, its state.
]]
---
-- @args mongodb-info.db The database of the account, when creds.mongodb is given; default "admin".
--
-- @output
-- | mongodb-info:
-- |   MongoDB Build info
-- |     version = 6.0.5
-- |     gitVersion = c9a99c120371d4d4c52cbb15dac34a36ce8d3b1d
-- |   Server status
-- |     errmsg = command serverStatus requires authentication
-- |     code = 13
-- |_    ok = 0.0

author = "Muster"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

identity = {}
-- counters, clocks, memory; the clocks of a member of a set
volatile = { "Server status", "operationTime", "$clusterTime" }

local asker = require "asker"
local creds = require "creds"
local mongodb = require "mongodb"
local nmap = require "nmap"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.port_or_service({ 27017 }, { "mongodb", "mongod" })

local function login(socket, host, port)
  local db = stdnse.get_script_args(SCRIPT_NAME .. ".db") or "admin"
  local known = creds.Credentials:new(creds.ALL_DATA, host, port)
  for account in known:getCredentials(creds.State.VALID + creds.State.PARAM) do
    if mongodb.login(socket, db, account.user, account.pass) then
      return
    end
  end
end

local sections = {
  { "MongoDB Build info", mongodb.buildInfoQuery }, { "Server status", mongodb.serverStatusQuery },
}

local is_volatile = { ["Server status"] = true }

local function tell_version(host, port, document)
  if type(document.version) == "string" then
    port.version.name, port.version.product = "mongodb", "MongoDB"
    port.version.version = document.version
    nmap.set_port_version(host, port)
  end
end

function action(host, port)
  local socket, hello = mongodb.connect(host, port)
  if not socket then
    return asker.unanswered(port, { "mongodb", "mongod" }, hello)
  end
  login(socket, host, port)
  local data, lists = stdnse.output_table(), {}
  for _, section in ipairs(sections) do
    local name, _, query = section[1], section[2]()
    local status, document = mongodb.query(socket, query)
    if status then
      data[name] = document
      local lines = mongodb.queryResultToTable(document)
      lines.name = name
      lists[#lists + 1] = lines
      tell_version(host, port, document)
    elseif not is_volatile[name] and asker.is_loss(document) then
      socket:close()
      asker.broken_off(document)
    end
  end
  if type(hello.setName) == "string" then
    local set = stdnse.output_table()
    set.name = hello.setName
    set.me = hello.me
    set.hosts = hello.hosts
    data["Replica set"] = set
    lists[#lists + 1] = { name = "Replica set", table.unpack(mongodb.queryResultToTable(set)) }
  end
  socket:close()
  return #data > 0 and data or nil, stdnse.format_output(true, lists)
end
