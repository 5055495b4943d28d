-- elasticsearch-info on recorded exchanges.
local test, check = ...
local script, web = require "support.script", require "support.web"
local port = { number = 9200, service = "elasticsearch" }
local root = web.json([[{"name":"es1","cluster_name":"shop","cluster_uuid":"k9gq","version":]]
  .. [[{"number":"7.17.9","lucene_version":"8.11.1"},"tagline":"You Know, for Search"}]])

test("an open node tells what it is and holds", function()
  web.serve(9200, { ["/"] = root, ["/_cat/indices?format=json&h=index"] =
    web.json('[{"index":"users"},{"index":"orders"},{"index":"zoo"}]') })
  local text, data = script.run("elasticsearch-info", port,
    { args = { ["elasticsearch-info.max-indices"] = "2" } })
  check.equal(text, [[
  Product: Elasticsearch
  Version: 7.17.9
  Lucene version: 8.11.1
  Cluster name: shop
  Cluster UUID: k9gq
  Node name: es1
  Indices: 
    orders
    users
    1 more]])
  check.equal(data["Cluster UUID"], "k9gq")
end)

test("a node that wants a login tells nothing", function()
  web.serve(9200, { default = { status = 401, body = '{"error":{},"status":401}' } })
  check.equal(script.run("elasticsearch-info", port), nil)
end)
