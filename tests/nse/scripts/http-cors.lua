-- http-cors on recorded exchanges.
local test, check = ...
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
