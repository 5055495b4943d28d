-- kubernetes-info on recorded exchanges.
local test, check = ...
local script, web = require "support.script", require "support.web"
local version = web.json(
  '{"major":"1","gitVersion":"v1.28.3","goVersion":"go1.20.10","platform":"linux/amd64"}')

test("an API server tells its version, and whether it lets anyone in", function()
  web.serve(8001, { ["/version"] = version,
    ["/api/v1/namespaces"] = web.json('{"kind":"NamespaceList","items":[]}') })
  check.equal(script.run("kubernetes-info", { number = 8001 }), [[
  Component: API server
  Version: v1.28.3
  Platform: linux/amd64
  Go version: go1.20.10
  Anonymous access: namespaces]])
  web.serve(8001, { ["/version"] = version })
  local _, data = script.run("kubernetes-info", { number = 8001 }, { host = { ip = "192.0.2.2" } })
  check.equal(data["Anonymous access"], nil)
end)

test("a kubelet is open when it lists its pods", function()
  web.serve(10255, { ["/pods"] = web.json('{"kind":"PodList","items":[{},{}]}') })
  local _, data = script.run("kubernetes-info", { number = 10255 })
  check.same(data, { Component = "kubelet", ["Anonymous access"] = "pods", Pods = 2 })
  web.serve(10255, { default = { status = 401 } })
  check.equal(script.run("kubernetes-info", { number = 10255 },
    { host = { ip = "192.0.2.3" } }), nil)
end)

test("a server that was lost after its first answer is an error", function()
  for _, lost in ipairs({ web.silence, { status = 503 }, { status = 429 } }) do
    web.serve(8001, { ["/version"] = version, ["/api/v1/namespaces"] = lost })
    check.throws("no answer for /api/v1/namespaces", script.run, "kubernetes-info",
      { number = 8001 })
    web.serve(10250, { ["/pods"] = lost })
    check.throws("no answer for /pods", script.run, "kubernetes-info", { number = 10250 })
  end
  web.serve(10250, { default = { status = 503 } })
  check.equal(script.run("kubernetes-info", { number = 10250 }), nil)
end)

test("the number of pods makes no change", function()
  check.same(script.load("kubernetes-info").volatile, { "Pods" })
end)
