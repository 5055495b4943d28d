-- hnap-info on an answer made after HNAP's document, and on others.
local test, check = ...
local script, web = require "support.script", require "support.web"
local port = { number = 80, service = "http" }

local answer = [[<?xml version="1.0" encoding="utf-8"?>
<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>
<GetDeviceSettingsResponse xmlns="http://purenetworks.com/HNAP1/">
<GetDeviceSettingsResult>OK</GetDeviceSettingsResult><Type>GatewayWithWiFi</Type>
<DeviceName>Meridian</DeviceName><VendorName>Exempla</VendorName>
<ModelDescription>Exempla R1000</ModelDescription><ModelName>R1000</ModelName>
<FirmwareVersion>2.4.10 build 07</FirmwareVersion>
<PresentationURL>http://192.0.2.1/</PresentationURL>
<SOAPActions><string>http://purenetworks.com/HNAP1/IsDeviceReady</string>
<string>http://purenetworks.com/HNAP1/GetDeviceSettings</string></SOAPActions>
<SubDeviceURLs></SubDeviceURLs></GetDeviceSettingsResponse></soap:Body></soap:Envelope>]]

test("maker, model, firmware and actions are shown", function()
  web.serve(80, { ["/HNAP1"] = { header = { ["Content-Type"] = "text/xml" }, body = answer } })
  check.equal(script.run("hnap-info", port), [[
  Type: GatewayWithWiFi
  Device: Meridian
  Vendor: Exempla
  Description: Exempla R1000
  Model: R1000
  Firmware: 2.4.10 build 07
  Presentation URL: http://192.0.2.1/
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
