-- sonos-info with a description as loudspeakers serve it.
local test, check = ...
local script, web = require "support.script", require "support.web"
local port = { number = 1400, service = "sonos" }

local page = [[<?xml version="1.0" encoding="utf-8" ?>
<root xmlns="urn:schemas-upnp-org:device-1-0">
  <specVersion><major>1</major><minor>0</minor></specVersion>
  <device>
    <deviceType>urn:schemas-upnp-org:device:ZonePlayer:1</deviceType>
    <friendlyName>192.0.2.1 - Sonos One - RINCON_48A6B801020301400</friendlyName>
    <manufacturer>Sonos, Inc.</manufacturer>
    <modelNumber>S18</modelNumber>
    <modelName>Sonos One</modelName>
    <softwareVersion>76.2-47270</softwareVersion>
    <hardwareVersion>1.26.1.7-2.2</hardwareVersion>
    <serialNum>48-A6-B8-01-02-03:4</serialNum>
    <MACAddress>48:A6:B8:01:02:03</MACAddress>
    <UDN>uuid:RINCON_48A6B801020301400</UDN>
    <roomName>Kitchen</roomName>
    <deviceList><device><UDN>uuid:RINCON_48A6B801020301400_MS</UDN><modelName>Sonos One MS</modelName></device>
    </deviceList>
  </device>
</root>]]

test("a loudspeaker tells what it is", function()
  local asked = web.serve(1400, { ["GET /xml/device_description.xml"] = page })
  check.equal(script.run("sonos-info", port), [[
  Room: Kitchen
  Model: Sonos One
  Model number: S18
  Serial number: 48-A6-B8-01-02-03:4
  MAC address: 48:a6:b8:01:02:03
  UDN: uuid:RINCON_48A6B801020301400
  Software version: 76.2-47270
  Hardware version: 1.26.1.7-2.2]])
  check.same(asked, { "GET /xml/device_description.xml" })
end)

test("a cut page is read as far as it goes", function()
  web.serve(1400, { ["/xml/device_description.xml"] = page:sub(1, page:find("<softwareVersion>", 1, true)) })
  local _, data = script.run("sonos-info", port)
  check.same(data, { Model = "Sonos One", ["Model number"] = "S18" })
end)

test("another maker's device, another server, and a refusal have none", function()
  for _, answer in ipairs({ "<html></html>", (page:gsub("Sonos, Inc.", "Lab")), { status = 403, body = page } }) do
    web.serve(1400, { ["/xml/device_description.xml"] = answer })
    check.equal(script.run("sonos-info", port), nil)
  end
end)
