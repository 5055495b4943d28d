-- epmd-info on what Erlang's epmd answered, with a node registered.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 4369, service = "epmd" }

test("nodes are shown with their ports", function()
  script.replay("epmd-info")
  local text, data = script.run("epmd-info", port)
  check.equal(text, "  epmd_port: 4369\n  nodes: \n    rabbit: 40127")
  check.equal(data.nodes.rabbit, 40127)
end)

test("another server gives none", function()
  fake.servers["tcp:4369"] = fake.replies(nil, { "HTTP/1.1 400 Bad Request\r\n\r\n" })
  check.equal(script.run("epmd-info", port), nil)
end)
