-- grafana-info on recorded exchanges.
local test, check = ...
local script, web = require "support.script", require "support.web"
local port = { number = 3000 }
local health = web.json('{"commit":"21c1d14e91","database":"ok","version":"9.3.6"}')

test("a server tells its version, and whether anyone may read", function()
  web.serve(3000, { ["/api/health"] = health, ["/api/search?limit=1"] = web.json("[{}]") })
  check.equal(script.run("grafana-info", port),
    "  Version: 9.3.6\n  Commit: 21c1d14e91\n  Anonymous access: true")
  web.serve(3000, { ["/api/health"] = health, default = { status = 401 } })
  local _, data = script.run("grafana-info", port, { host = { ip = "192.0.2.2" } })
  check.same(data, { Version = "9.3.6", Commit = "21c1d14e91" })
end)

test("another web server is not one", function()
  web.serve(3000, {})
  check.equal(script.run("grafana-info", port), nil)
end)

test("a server that was lost after its first answer is an error", function()
  for _, lost in ipairs({ web.silence, { status = 503 }, { status = 429 } }) do
    web.serve(3000, { ["/api/health"] = health, default = lost })
    check.throws("no answer for /api/search", script.run, "grafana-info", port)
  end
end)
