-- influxdb-info on recorded exchanges.
local test, check = ...
local script, web = require "support.script", require "support.web"
local port = { number = 8086 }
local ping = { status = 204, header = { ["X-Influxdb-Version"] = "1.6.7~rc0",
  ["X-Influxdb-Build"] = "OSS" } }

test("an open server lists its databases", function()
  web.serve(8086, { ["/ping"] = ping, ["/query?q=SHOW%20DATABASES"] = web.json(
    '{"results":[{"series":[{"columns":["name"],"values":[["_internal"],["shop"]]}]}]}') })
  check.equal(script.run("influxdb-info", port), [[
  Version: 1.6.7~rc0
  Build: OSS
  Databases: 
    _internal
    shop]])
end)

test("one that wants a login tells its version alone", function()
  web.serve(8086, { ["/ping"] = ping, default = { status = 401 } })
  local _, data = script.run("influxdb-info", port)
  check.same(data, { Version = "1.6.7~rc0", Build = "OSS" })
end)

test("another web server is not one", function()
  web.serve(8086, {})
  check.equal(script.run("influxdb-info", port), nil)
end)

test("a server that was lost after its first answer is an error", function()
  for _, lost in ipairs({ web.silence, { status = 503 }, { status = 429 } }) do
    web.serve(8086, { ["/ping"] = ping, default = lost })
    check.throws("no answer for /query", script.run, "influxdb-info", port)
  end
end)
