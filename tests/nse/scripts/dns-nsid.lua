-- dns-nsid on what BIND 9.18 answered.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 53, service = "domain", protocol = "udp" }

test("identifier and version are shown", function()
  script.replay("dns-nsid", script.echo(1, 2))
  local text, data = script.run("dns-nsid", port)
  check.equal(text, [[
  NSID: ns1.lab (6e73312e6c6162)
  id.server: ns1.lab
  bind.version: 9.18.24]])
  check.same(data.NSID, { raw = "ns1.lab", hex = "6e73312e6c6162" })
end)

test("silence gives none", function()
  fake.servers["udp:53"] = fake.replies(nil, {}, true)
  check.equal(script.run("dns-nsid", port), nil)
end)
