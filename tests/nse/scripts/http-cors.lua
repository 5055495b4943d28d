-- http-cors on recorded exchanges.
local test, check, fake = ...
local script, web = require "support.script", require "support.web"
local port = { number = 80, service = "http" }

test("methods for foreign origins are shown", function()
  web.serve(80, { ["OPTIONS /"] = { header = { ["Access-Control-Allow-Origin"] = "*",
    ["Access-Control-Allow-Methods"] = "GET, POST,OPTIONS" } } })
  check.equal(script.run("http-cors", port), "GET POST OPTIONS")
end)

test("a server that lets its own origin alone in has none", function()
  web.serve(80, { ["OPTIONS /"] = { header = {
    ["Access-Control-Allow-Origin"] = "https://own.example",
    ["Access-Control-Allow-Methods"] = "GET" } } })
  check.equal(script.run("http-cors", port), nil)
end)

test("a method whose answer is lost, or that the server has no time for, is an error", function()
  local cors = { ["Access-Control-Allow-Origin"] = "*", ["Access-Control-Allow-Methods"] = "GET, POST" }
  for _, lost in ipairs({ web.silence, { status = 503 }, { status = 429 } }) do
    local n = 0
    web.serve(80, { ["OPTIONS /"] = function()
      n = n + 1
      return n < 3 and { header = cors } or lost
    end })
    check.throws("no answer for POST", script.run, "http-cors", port)
  end
  -- one that answers so each time says that
  web.serve(80, { ["OPTIONS /"] = { status = 503, header = cors } })
  check.equal(script.run("http-cors", port), "GET POST")
  fake.servers["tcp:80"] = nil
  check.equal(script.run("http-cors", port), nil)
end)
