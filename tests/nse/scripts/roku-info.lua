-- roku-info with pages as Roku's documentation of the protocol shows them.
local test, check = ...
local script, web = require "support.script", require "support.web"
local port = { number = 8060, service = "roku" }

local page = [[<?xml version="1.0" encoding="UTF-8" ?>
<device-info>
  <udn>29380007-0800-1025-80a4-0123456789ab</udn>
  <serial-number>YN00AB123456</serial-number>
  <device-id>S00AB1234567</device-id>
  <vendor-name>Roku</vendor-name>
  <model-name>Roku Express</model-name>
  <model-number>3930X</model-number>
  <is-tv>false</is-tv>
  <wifi-mac>88:DE:A9:01:02:03</wifi-mac>
  <ethernet-mac>00:00:00:00:00:00</ethernet-mac>
  <user-device-name>Kids &amp; guests</user-device-name>
  <friendly-device-name>Roku Express</friendly-device-name>
  <user-device-location></user-device-location>
  <software-version>12.5.0</software-version>
  <software-build>4178</software-build>
  <uptime>5217</uptime>
</device-info>]]

test("a player tells what it is", function()
  local asked = web.serve(8060, { ["GET /query/device-info"] = { header = { ["Content-Type"] = "text/xml" },
    body = page } })
  check.equal(script.run("roku-info", port), [[
  Name: Kids & guests
  Vendor: Roku
  Model: Roku Express
  Model number: 3930X
  Serial number: YN00AB123456
  UDN: 29380007-0800-1025-80a4-0123456789ab
  Software version: 12.5.0
  Software build: 4178
  MAC address: 88:de:a9:01:02:03]])
  check.same(asked, { "GET /query/device-info" })
end)

test("a cut page is read as far as it goes", function()
  web.serve(8060, { ["/query/device-info"] = page:sub(1, 190) })
  local _, data = script.run("roku-info", port)
  check.same(data, { UDN = "29380007-0800-1025-80a4-0123456789ab", ["Serial number"] = "YN00AB123456" })
end)

test("another server, a refusal, and an empty list have none", function()
  for _, answer in ipairs({ "<html></html>", { status = 403, body = page }, "<device-info></device-info>",
    "<serial-number>1</serial-number>" }) do
    web.serve(8060, { ["/query/device-info"] = answer })
    check.equal(script.run("roku-info", port), nil)
  end
end)
