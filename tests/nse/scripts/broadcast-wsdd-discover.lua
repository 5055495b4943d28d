-- broadcast-wsdd-discover on the exchange with wsdd, and on silence.
local test, check, fake = ...
local script, wsd = require "support.script", require "support.wsd"

test("the hosts of the link are shown", function()
  fake.servers["udp:3702"] = wsd.server()
  check.equal(script.run("broadcast-wsdd-discover"), [[
  Devices
    127.0.0.1
        Message id: f7f8ad6c-eb43-11f1-99a3-00089b990015
        Type: wsdp:Device pub:Computer
        Endpoint: urn:uuid:8a9b1c2d-1111-2222-3333-444455556666
]])
end)

test("silence gives none", function()
  fake.servers["udp:3702"] = script.server({ { "", false } })
  check.equal(script.run("broadcast-wsdd-discover"), nil)
end)
