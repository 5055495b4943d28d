-- hue-info with answers as the documentation of the API shows them.
local test, check = ...
local script, web = require "support.script", require "support.web"
local port = { number = 80, service = "http" }

test("a bridge tells what it is", function()
  local asked = web.serve(80, { ["GET /api/config"] = web.json([[{"name":"Hue Bridge","datastoreversion":"126",
    "swversion":"1967054020","apiversion":"1.67.0","mac":"ec:b5:fa:01:02:03","bridgeid":"ECB5FAFFFE010203",
    "factorynew":false,"replacesbridgeid":null,"modelid":"BSB002","starterkitid":""}]]) })
  check.equal(script.run("hue-info", port), [[
  Name: Hue Bridge
  Model: BSB002
  Bridge id: ecb5fafffe010203
  MAC address: ec:b5:fa:01:02:03
  Software version: 1967054020
  API version: 1.67.0]])
  check.same(asked, { "GET /api/config" })
end)

test("another server, other JSON, cut JSON have none", function()
  for _, answer in ipairs({ "<html></html>", web.json('{"name":"x","mac":"ec:b5:fa:01:02:03"}'),
    web.json('{"bridgeid":7,"apiversion":"1"}'), web.json('{"bridgeid":"A","apiversion":{}}'),
    web.json('[{"error":{"type":1}}]'), web.json('{"bridgeid":"A","apiversion":"1.'), { status = 404 } }) do
    web.serve(80, { ["/api/config"] = answer })
    check.equal(script.run("hue-info", port), nil)
  end
end)
