description = [[
Shows the version of an etcd server and, where anyone may ask, the members of its cluster. Such a
store often holds all secrets of a Kubernetes cluster.
]]
---
-- @output
-- | etcd-info:
-- |   Server version: 3.4.23
-- |   Cluster version: 3.4.0
-- |   Members:
-- |_    node1: http://192.0.2.1:2379

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "safe" }

identity = {}
volatile = {}
finding = { Members = "high" }

local api = require "http.api"
local http = require "http"
local json = require "json"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.port_or_service({ 2379, 4001 }, { "etcd", "etcd-client" })

-- The list of members: version 3 of the API is asked by POST, version 2 by GET.
local function members_answer(host, port)
  for _, path in ipairs({ "/v3/cluster/member/list", "/v3beta/cluster/member/list" }) do
    local response = api.certain(http.post(host, port, path, { redirect_ok = false }, nil, "{}"),
      path)
    local ok, value = json.parse(response.status == 200 and response.body or "")
    if ok and type(value) == "table" and type(value.members) == "table" then
      return value.members
    end
  end
  return api.dig((api.follow(host, port, "/v2/members")), "members")
end

local function members(host, port)
  local list = {}
  for _, member in ipairs(members_answer(host, port) or {}) do
    local urls = type(member) == "table" and member.clientURLs
    list[#list + 1] = ("%s: %s"):format(type(member) == "table" and member.name or "?",
      type(urls) == "table" and table.concat(urls, " ") or "")
  end
  table.sort(list)
  return #list > 0 and list or nil
end

function action(host, port)
  local version = api.get(host, port, "/version")
  if not version or not version.etcdserver then
    return nil
  end
  local output = stdnse.output_table()
  output["Server version"] = version.etcdserver
  output["Cluster version"] = version.etcdcluster
  output.Members = members(host, port)
  return output
end
