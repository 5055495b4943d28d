-- wsdd-discover on the exchange with wsdd, and on others.
local test, check, fake = ...
local script, wsd = require "support.script", require "support.wsd"
local port = { number = 3702, service = "ws-discovery", protocol = "udp" }

test("the host and its identifier are shown", function()
  fake.servers["udp:3702"] = wsd.server()
  local text, data = script.run("wsdd-discover", port)
  check.equal(text, [[
  Devices
    Message id: f7f8ad6c-eb43-11f1-99a3-00089b990015
    Type: wsdp:Device pub:Computer
    Endpoint: urn:uuid:8a9b1c2d-1111-2222-3333-444455556666
]])
  check.same(data, { { endpoint = "urn:uuid:8a9b1c2d-1111-2222-3333-444455556666",
    types = "wsdp:Device pub:Computer", version = "1" } })
end)

test("a camera tells model and address", function()
  fake.servers["udp:3702"] = wsd.server("<wsd:Scopes>onvif://www.onvif.org/name/Cam \n"
    .. " onvif://www.onvif.org/hardware/M1</wsd:Scopes><wsd:XAddrs>http://192.0.2.1/onvif/device"
    .. "</wsd:XAddrs>")
  local text, data = script.run("wsdd-discover", port)
  check.contains(text, "Address: http://192.0.2.1/onvif/device")
  check.equal(data[1].scopes, "onvif://www.onvif.org/name/Cam onvif://www.onvif.org/hardware/M1")
end)

test("every endpoint of a host is told, whichever answers first", function()
  local function server(digits)
    return function(peer)
      local answer = wsd.answer(peer:recv())
      for digit in digits:gmatch(".") do
        peer:send((answer:gsub("8a9b1c2d", digit:rep(8))))
      end
      peer:hang()
    end
  end
  fake.servers["udp:3702"] = server("312")
  local text, data = script.run("wsdd-discover", port)
  check.equal(#data, 3)
  check.equal(data[1].endpoint, "urn:uuid:11111111-1111-2222-3333-444455556666")
  fake.servers["udp:3702"] = server("123")
  check.equal(script.run("wsdd-discover", port), text)
end)

test("an answer that nests too deeply is none", function()
  fake.servers["udp:3702"] = script.server({ { "", "ProbeMatches" .. ("<a>"):rep(300) } })
  check.equal(script.run("wsdd-discover", port), nil)
end)

test("answers to others, other messages and silence give none", function()
  local other = wsd.answer("<a:MessageID>urn:uuid:00000000-0000-0000-0000-000000000000<")
  for _, answer in ipairs({ other, "<Hello/>", "ProbeMatches", false }) do
    fake.servers["udp:3702"] = script.server({ { "", answer } })
    check.equal(script.run("wsdd-discover", port), nil)
  end
end)
