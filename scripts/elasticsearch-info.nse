description = [[
Shows what an Elasticsearch or OpenSearch node tells without a login: version, names of node and
cluster, and its indices.
]]
---
-- @args elasticsearch-info.max-indices  How many indices are named (20).
--
-- @output
-- | elasticsearch-info:
-- |   Product: Elasticsearch
-- |   Version: 7.17.9
-- |   Cluster name: shop
-- |   Node name: es1
-- |   Indices:
-- |     orders
-- |_    users

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "safe" }

identity = { "Cluster UUID" }
volatile = { "Indices" }
finding = "high"

local api = require "http.api"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.port_or_service({ 9200 }, { "elasticsearch", "wap-wsp" })

local fields = {
  { "Version", "version", "number" }, { "Lucene version", "version", "lucene_version" },
  { "Cluster name", "cluster_name" }, { "Cluster UUID", "cluster_uuid" }, { "Node name", "name" },
}

local function indices_of(host, port, most)
  local names = {}
  for _, index in ipairs(api.follow(host, port, "/_cat/indices?format=json&h=index") or {}) do
    names[#names + 1] = type(index) == "table" and index.index or nil
  end
  table.sort(names)
  if #names > most then
    names = table.move(names, 1, most, 1, { [most + 1] = (#names - most) .. " more" })
  end
  return #names > 0 and names or nil
end

function action(host, port)
  local answer = api.get(host, port, "/")
  if not answer or not answer.cluster_name or not api.dig(answer, "version", "number") then
    return nil
  end
  local output = stdnse.output_table()
  output.Product = answer.version.distribution == "opensearch" and "OpenSearch" or "Elasticsearch"
  for key, value in pairs(api.pick(answer, fields)) do
    output[key] = value
  end
  local most = tonumber(stdnse.get_script_args(SCRIPT_NAME .. ".max-indices")) or 20
  output.Indices = indices_of(host, port, most)
  return output
end
