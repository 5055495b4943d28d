-- upnp-info on the exchange with MiniDLNA, with a router of nested devices, and with liars.
local test, check, fake = ...
local script, web = require "support.script", require "support.web"
local port = { number = 1900, service = "upnp", protocol = "udp" }

local function answer(location)
  return "HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age=130\r\nDATE: Sat, 28 Nov 2026 15:25:59 GMT\r\n"
    .. "ST: upnp:rootdevice\r\nUSN: uuid:4d696e69-444c-164e-9d41-00089b990015::upnp:rootdevice\r\n"
    .. "EXT:\r\nSERVER: Debian DLNADOC/1.50 UPnP/1.0 MiniDLNA/1.3.0\r\nLOCATION: " .. location
    .. "\r\nContent-Length: 0\r\n\r\n"
end

local description = [[<?xml version="1.0"?>
<root xmlns="urn:schemas-upnp-org:device-1-0"><specVersion><major>1</major><minor>0</minor>
</specVersion><device><deviceType>urn:schemas-upnp-org:device:MediaServer:1</deviceType>
<friendlyName>Lab Media</friendlyName><manufacturer>Justin Maggard</manufacturer>
<manufacturerURL>http://www.netgear.com/</manufacturerURL><modelDescription>MiniDLNA on Linux</]]
  .. [[modelDescription><modelName>Windows Media Connect compatible (MiniDLNA)</modelName>
<modelNumber>1</modelNumber><serialNumber>12345678</serialNumber>
<UDN>uuid:4d696e69-444c-164e-9d41-00089b990015</UDN><iconList><icon><mimetype>image/png</mimetype>
</icon></iconList><serviceList><service><serviceType>urn:schemas-upnp-org:service:]]
  .. [[ContentDirectory:1</serviceType></service></serviceList></device></root>]]

local function described(body)
  web.serve(8200, { ["/rootDesc.xml"] = { header = { ["Content-Type"] = "text/xml",
    Server = "MiniDLNA/1.3.0" }, body = body } })
end

test("what the device tells is shown", function()
  fake.servers["udp:1900"] = script.server({
    { 'MAN: "ssdp:discover"', answer("http://192.0.2.1:8200/rootDesc.xml") },
  })
  described(description)
  local text, data = script.run("upnp-info", port)
  check.equal(text, [[
  Server: Debian DLNADOC/1.50 UPnP/1.0 MiniDLNA/1.3.0
  Location: http://192.0.2.1:8200/rootDesc.xml
    Webserver: MiniDLNA/1.3.0
    Name: Lab Media
    Manufacturer: Justin Maggard
    Model Descr: MiniDLNA on Linux
    Model Name: Windows Media Connect compatible (MiniDLNA)
    Model Version: 1
    Serial: 12345678
    UDN: uuid:4d696e69-444c-164e-9d41-00089b990015
]])
  check.equal(#data, 1)
  check.equal(data[1].devices[1].UDN, "uuid:4d696e69-444c-164e-9d41-00089b990015")
  check.same(data[1].devices[1].services, { "urn:schemas-upnp-org:service:ContentDirectory:1" })
end)

test("the devices inside a device are shown", function()
  fake.servers["udp:1900"] = script.server({
    { "M-SEARCH", answer("http://192.0.2.1:8200/rootDesc.xml") },
  })
  described("<root><device><friendlyName>Router &amp; more"
    .. "</friendlyName><deviceList><device><friendlyName>WAN</friendlyName></device></deviceList>"
    .. "<UDN>uuid:1</UDN></device></root>")
  local _, data = script.run("upnp-info", port)
  check.same(data[1].devices, { { friendlyName = "Router & more", UDN = "uuid:1" },
    { friendlyName = "WAN" } })
end)

test("each root device of a host is shown, whichever answers first", function()
  local function root(number)
    return (answer("http://192.0.2.1:8200/" .. number):gsub("uuid:[^:]+", "uuid:" .. number))
  end
  web.serve(8200, { ["/1"] = "<root><device><UDN>uuid:1</UDN></device></root>",
    ["/2"] = "<root><device><UDN>uuid:2</UDN></device></root>" })
  for _, order in ipairs({ { 1, 2, 1 }, { 2, 1 } }) do
    fake.servers["udp:1900"] = function(peer)
      peer:recv()
      for _, number in ipairs(order) do
        peer:send(root(number))
      end
      peer:hang()
    end
    local text, data = script.run("upnp-info", port)
    check.equal(#data, 2)
    check.equal(data[1].devices[1].UDN, "uuid:1")
    check.equal(data[2].devices[1].UDN, "uuid:2")
    check.contains(text, "  uuid:2::upnp:rootdevice\n")
  end
end)

test("a lost answer of a root device is no change", function()
  web.serve(8200, { ["/1"] = "<root><device><UDN>uuid:1</UDN></device></root>",
    ["/2"] = "<root><device><UDN>uuid:2</UDN></device></root>" })
  fake.servers["udp:1900"] = function(peer)
    for number = 1, 2 do
      peer:recv()
      peer:send((answer("http://192.0.2.1:8200/" .. number):gsub("uuid:[^:]+", "uuid:" .. number)))
    end
    peer:hang()
  end
  local _, data = script.run("upnp-info", port)
  check.equal(#data, 2)
  fake.servers["udp:1900"] = script.lossy(script.server({
    { "M-SEARCH", answer("http://192.0.2.1:8200/1") } }), function() return "search" end)
  check.equal(#select(2, script.run("upnp-info", port)), 1)
end)

test("a description that cannot be had now is no result, one that is not there is none", function()
  fake.servers["udp:1900"] = script.server({ { "", answer("http://192.0.2.1:8200/rootDesc.xml") } })
  web.serve(8200, { ["/rootDesc.xml"] = { status = 503, body = "" } })
  check.throws("no description", script.run, "upnp-info", port)
  fake.servers["tcp:8200"] = nil
  check.throws("no description", script.run, "upnp-info", port)
  web.serve(8200, { ["/rootDesc.xml"] = { status = 404, body = "" } })
  local _, data = script.run("upnp-info", port)
  check.equal(data[1].devices, nil)
end)

test("a description is never fetched from another host", function()
  fake.servers["udp:1900"] = script.server({ { "", answer("http://192.0.2.99:8200/x") } })
  local asked
  fake.servers["tcp:8200"] = function(peer)
    asked = peer:recv()
  end
  local upnp = require "upnp"
  local http, get, hosts = require "http", require("http").get, {}
  http.get = function(host, ...)
    hosts[#hosts + 1] = type(host) == "table" and host.ip or host
    return get(host, ...)
  end
  check.throws("no description", script.run, "upnp-info", port)
  http.get = get
  check.same(hosts, { "192.0.2.1", "192.0.2.1" })
  check.truthy(asked == nil or asked:find("GET /x", 1, true))
  check.falsy(upnp.fetch_description("192.0.2.1", "file:///etc/passwd"))
end)

test("silence and other answers give none", function()
  for _, reply in ipairs({ false, "HTTP/1.1 404 Not Found\r\n\r\n", "NOTIFY * HTTP/1.1\r\n\r\n" }) do
    fake.servers["udp:1900"] = script.server({ { "", reply } })
    check.equal(script.run("upnp-info", port), nil)
  end
end)

test("a description that nests without end describes no device", function()
  check.same(require("upnp").parse_description(("<device>"):rep(300)), {})
end)
