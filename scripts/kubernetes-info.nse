description = [[
Shows the version of a Kubernetes API server or kubelet, and whether it lets anyone list
namespaces or pods without credentials.
]]
---
-- @output
-- | kubernetes-info:
-- |   Component: API server
-- |   Version: v1.28.3
-- |   Platform: linux/amd64
-- |_  Anonymous access: namespaces

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "safe" }

identity = {}
volatile = { "Pods" }
finding = { ["Anonymous access"] = "critical" }

local api = require "http.api"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.port_or_service({ 6443, 8001, 10250, 10255 },
  { "kubernetes", "kubelet", "sun-sr-https" })

-- Is it one? If not, did the server answer?
local function api_server(host, port, output)
  local version, response = api.get(host, port, "/version")
  if not version or not version.gitVersion then
    return false, api.counts(response)
  end
  output.Component = "API server"
  output.Version = version.gitVersion
  output.Platform = version.platform
  output["Go version"] = version.goVersion
  local list = api.follow(host, port, "/api/v1/namespaces")
  if list and list.kind == "NamespaceList" then
    output["Anonymous access"] = "namespaces"
  end
  return true
end

local function kubelet(host, port, output, answers)
  local list = (answers and api.follow or api.get)(host, port, "/pods")
  if not list or list.kind ~= "PodList" then
    return false
  end
  output.Component = "kubelet"
  output["Anonymous access"] = "pods"
  output.Pods = type(list.items) == "table" and #list.items or nil
  return true
end

function action(host, port)
  local output = stdnse.output_table()
  local found, answers = api_server(host, port, output)
  if found or kubelet(host, port, output, answers) then
    return output
  end
end
