-- http-docker-registry with answers as the registry's HTTP API V2 gives them.
local test, check = ...
local script, web = require "support.script", require "support.web"
local port = { number = 5000, service = "upnp" }
local mark = { ["Docker-Distribution-Api-Version"] = "registry/2.0" }

test("images that are listed for anyone are shown", function()
  web.serve(5000, { ["/v2/"] = { header = mark, body = "{}" },
    ["/v2/_catalog?n=100"] = web.json('{"repositories":["lab/web","lab/worker"]}') })
  local text, data = script.run("http-docker-registry", port)
  check.equal(text, "  API: registry/2.0\n  Repositories: \n    lab/web\n    lab/worker")
  check.same(data.Repositories, { "lab/web", "lab/worker" })
end)

test("a registry that wants a login says so", function()
  web.serve(5000, { ["/v2/"] = { status = 401, body = "", header = {
    ["Docker-Distribution-Api-Version"] = "registry/2.0",
    ["WWW-Authenticate"] = 'Bearer realm="https://auth.lab/token"' } } })
  local _, data = script.run("http-docker-registry", port)
  check.same(data, { API = "registry/2.0", Login = 'Bearer realm="https://auth.lab/token"' })
end)

test("another web server is none", function()
  web.serve(5000, { ["/v2/"] = "{}" })
  check.equal(script.run("http-docker-registry", port), nil)
end)

test("a server that was lost after its first answer is an error", function()
  for _, lost in ipairs({ web.silence, { status = 503 }, { status = 429 } }) do
    web.serve(5000, { ["/v2/"] = { header = mark, body = "{}" }, default = lost })
    check.throws("no answer for /v2/_catalog", script.run, "http-docker-registry", port)
  end
end)
