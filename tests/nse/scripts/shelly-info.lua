-- shelly-info with answers as the makers' references show them.
local test, check = ...
local script, web = require "support.script", require "support.web"
local port = { number = 80, service = "http" }

local function serve(answer)
  return web.serve(80, { ["GET /shelly"] = answer })
end

test("a device of the first generation tells what it is", function()
  local asked = serve(web.json([[{"type":"SHSW-25","mac":"A8032A010203","auth":false,
    "fw":"20230913-112234/v1.14.0-gcb84623","discoverable":true,"num_outputs":2}]]))
  check.equal(script.run("shelly-info", port), [[
  Model: SHSW-25
  MAC address: a8:03:2a:01:02:03
  Firmware: 20230913-112234/v1.14.0-gcb84623
  Control without password: true]])
  check.same(asked, { "GET /shelly" })
end)

test("one of the second, too", function()
  local text = [[{"name":"Pump","id":"shellyplus1-a8032a010203","mac":"A8032A010203","slot":1,
    "model":"SNSW-001X16EU","gen":2,"fw_id":"20231107","ver":"1.0.8","app":"Plus1","auth_en":%s,"auth_domain":null}]]
  serve(web.json(text:format("false")))
  check.equal(script.run("shelly-info", port), [[
  Name: Pump
  Model: SNSW-001X16EU
  App: Plus1
  Generation: 2
  MAC address: a8:03:2a:01:02:03
  Firmware: 1.0.8
  Control without password: true]])
  serve(web.json(text:format("true")))
  local _, data = script.run("shelly-info", port)
  check.equal(data["Control without password"], nil)
end)

test("another server, other JSON, cut JSON have none", function()
  for _, answer in ipairs({ "<html></html>", web.json('{"mac":"A8032A010203"}'), web.json('{"type":"x","fw":"1"}'),
    web.json('{"type":"x","mac":"A8032A010203"}'), web.json('{"gen":2,"mac":"A8032A010203"}'),
    web.json('{"type":"x","fw":"1","mac":7}'), web.json('{"type":"SHSW-25","mac":"A8'), { status = 401 } }) do
    serve(answer)
    check.equal(script.run("shelly-info", port), nil)
  end
end)
