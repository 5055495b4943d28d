-- http-date on recorded exchanges.
local test, check, fake = ...
local script, web = require "support.script", require "support.web"
local port = { number = 80, service = "http" }

test("the server's clock is held against ours", function()
  local now = os.time()
  web.serve(80, { ["/"] = { header = { Date = os.date("!%a, %d %b %Y %H:%M:%S GMT", now - 3600) },
    body = "x" } })
  local text, data = script.run("http-date", port)
  check.contains(text, " GMT; -1h00m0")
  check.truthy(math.abs(data.delta + 3600) < 5)
end)

test("a server without a date has none", function()
  web.serve(80, { ["/"] = "x" })
  check.equal(script.run("http-date", port), nil)
end)
