-- http-methods on recorded exchanges.
local test, check, fake = ...
local script, web = require "support.script", require "support.web"
local port = { number = 80, service = "http" }

test("methods are shown, those that may change something apart", function()
  web.serve(80, { ["OPTIONS /"] = { header = { Allow = "GET, HEAD,PUT" } } })
  check.equal(script.run("http-methods", port),
    "  Supported Methods: GET HEAD PUT\n  Potentially risky methods: PUT")
end)

test("the order in which a server names them is shown, and no difference", function()
  for i, order in ipairs({ "PUT, GET, DELETE", "DELETE, PUT, GET" }) do
    web.serve(80, { ["OPTIONS /"] = { header = { Allow = order } } })
    local text, data = script.run("http-methods", port, { host = { ip = "192.0.2." .. i } })
    check.contains(text, "Supported Methods: " .. order:gsub(",", "") .. "\n")
    check.same(data, { ["Supported Methods"] = { "DELETE", "GET", "PUT" },
      ["Potentially risky methods"] = { "DELETE", "PUT" } })
  end
end)

test("a server that does not say has none", function()
  web.serve(80, { ["OPTIONS /"] = { status = 405 } })
  check.equal(script.run("http-methods", port), nil)
end)
