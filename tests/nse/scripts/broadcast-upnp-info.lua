-- broadcast-upnp-info on the exchange with MiniDLNA.
local test, check, fake = ...
local script, web = require "support.script", require "support.web"

test("what answers on the link is shown", function()
  fake.servers["udp:1900"] = script.server({
    { "MX: 3", "HTTP/1.1 200 OK\r\nUSN: uuid:1::upnp:rootdevice\r\nSERVER: Linux UPnP/1.0\r\n"
      .. "LOCATION: http://127.0.0.1:8200/rootDesc.xml\r\n\r\n" },
  })
  web.serve(8200, { ["/rootDesc.xml"] = { body = "<root><device>"
    .. "<friendlyName>Lab Media</friendlyName><UDN>uuid:1</UDN></device></root>" } })
  check.equal(script.run("broadcast-upnp-info"), [[
  127.0.0.1
      Server: Linux UPnP/1.0
      Location: http://127.0.0.1:8200/rootDesc.xml
        Name: Lab Media
        UDN: uuid:1
]])
end)

test("silence gives none", function()
  fake.servers["udp:1900"] = script.server({ { "", false } })
  check.equal(script.run("broadcast-upnp-info"), nil)
end)
