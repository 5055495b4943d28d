-- onvif-info with messages as ONVIF's core specification describes them.
local test, check = ...
local script, web = require "support.script", require "support.web"
local port = { number = 80, service = "http" }

local function envelope(body)
  return { header = { ["Content-Type"] = "application/soap+xml" }, body = [[<?xml version="1.0" encoding="UTF-8"?>
<SOAP-ENV:Envelope xmlns:SOAP-ENV="http://www.w3.org/2003/05/soap-envelope"
 xmlns:tds="http://www.onvif.org/ver10/device/wsdl" xmlns:ter="http://www.onvif.org/ver10/error">
<SOAP-ENV:Body>]] .. body .. "</SOAP-ENV:Body></SOAP-ENV:Envelope>" }
end

local information = [[<tds:GetDeviceInformationResponse><tds:Manufacturer>Lab</tds:Manufacturer>
<tds:Model>Dome 4K</tds:Model><tds:FirmwareVersion>2.800.0</tds:FirmwareVersion>
<tds:SerialNumber>6C03AB1PAG12345</tds:SerialNumber><tds:HardwareId>1.00</tds:HardwareId>
</tds:GetDeviceInformationResponse>]]

local function fault(code)
  local answer = envelope([[<SOAP-ENV:Fault><SOAP-ENV:Code><SOAP-ENV:Value>SOAP-ENV:Sender</SOAP-ENV:Value>
<SOAP-ENV:Subcode><SOAP-ENV:Value>ter:]] .. code .. [[</SOAP-ENV:Value></SOAP-ENV:Subcode></SOAP-ENV:Code>
</SOAP-ENV:Fault>]])
  answer.status = 400
  return answer
end

test("a camera that tells anyone is shown", function()
  local asked = web.serve(80, { ["POST /onvif/device_service"] = envelope(information) })
  check.equal(script.run("onvif-info", port), [[
  Manufacturer: Lab
  Model: Dome 4K
  Firmware version: 2.800.0
  Serial number: 6C03AB1PAG12345
  Hardware id: 1.00]])
  check.same(asked, { "POST /onvif/device_service" })
end)

test("one that wants a login first is one", function()
  web.serve(80, { ["POST /onvif/device_service"] = fault("NotAuthorized") })
  check.equal(script.run("onvif-info", port), "  Device information: with a login only")
end)

test("other ports of cameras are asked, ports of others are not", function()
  web.serve(8899, { ["POST /onvif/device_service"] = envelope(information) })
  check.truthy(script.run("onvif-info", { number = 8899, service = "ospf-lite" }))
  local _, _, rule = script.run("onvif-info", { number = 22, service = "ssh" })
  check.falsy(rule)
end)

test("another server, another fault, a cut page have none", function()
  for _, answer in ipairs({ "<html></html>", fault("ActionNotSupported"), { status = 401 },
    { body = envelope(information).body:sub(1, 240) }, { body = ":NotAuthorized", status = 400 } }) do
    web.serve(80, { ["POST /onvif/device_service"] = answer })
    check.equal(script.run("onvif-info", port), nil)
  end
end)
