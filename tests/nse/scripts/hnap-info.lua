-- hnap-info on an answer of a router of Linksys as its documents have it, and on others.
local test, check = ...
local script, web = require "support.script", require "support.web"
local port = { number = 80, service = "http" }

local answer = [[<?xml version="1.0" encoding="utf-8"?>
<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>
<GetDeviceSettingsResponse xmlns="http://purenetworks.com/HNAP1/">
<GetDeviceSettingsResult>OK</GetDeviceSettingsResult><Type>GatewayWithWiFi</Type>
<DeviceName>Ingraham</DeviceName><VendorName>Linksys</VendorName>
<ModelDescription>Linksys E1200</ModelDescription><ModelName>E1200</ModelName>
<FirmwareVersion>1.0.00 build 11</FirmwareVersion>
<PresentationURL>http://192.168.1.1/</PresentationURL>
<SOAPActions><string>http://purenetworks.com/HNAP1/IsDeviceReady</string>
<string>http://purenetworks.com/HNAP1/GetDeviceSettings</string></SOAPActions>
<SubDeviceURLs></SubDeviceURLs></GetDeviceSettingsResponse></soap:Body></soap:Envelope>]]

test("maker, model, firmware and actions are shown", function()
  web.serve(80, { ["/HNAP1"] = { header = { ["Content-Type"] = "text/xml" }, body = answer } })
  check.equal(script.run("hnap-info", port), [[
  Type: GatewayWithWiFi
  Device: Ingraham
  Vendor: Linksys
  Description: Linksys E1200
  Model: E1200
  Firmware: 1.0.00 build 11
  Presentation URL: http://192.168.1.1/
  SOAPACTIONS: 
    http://purenetworks.com/HNAP1/IsDeviceReady
    http://purenetworks.com/HNAP1/GetDeviceSettings]])
end)

test("other web servers give none", function()
  for _, body in ipairs({ "<html>GetDeviceSettingsResponse</html>", "", "<a" }) do
    web.serve(80, { ["/HNAP1"] = body })
    check.equal(script.run("hnap-info", port), nil)
  end
  web.serve(80, {})
  check.equal(script.run("hnap-info", port), nil)
end)
