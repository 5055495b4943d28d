-- cast-info with answers as devices give them, with and without parts.
local test, check = ...
local script, web = require "support.script", require "support.web"
local port = { number = 8008, service = "chromecast" }
local path = "GET /setup/eureka_info?options=detail"

test("a device tells what it is", function()
  local asked = web.serve(8008, { [path] = web.json([[{"bssid":"00:11:22:33:44:55","build_version":"307211",
    "cast_build_revision":"1.56.307211","connected":true,"detail":{"locale":{"display_string":"English"},
    "manufacturer":"Google Inc.","model_name":"Chromecast","timezone":{"offset":60}},"ip_address":"192.0.2.1",
    "mac_address":"6C:AD:F8:01:02:03","name":"Living room","noise_level":-88,"release_track":"stable-channel",
    "signal_level":-50,"ssdp_udn":"01234567-89ab-cdef-0123-456789abcdef","uptime":1234.5,"version":8}]]) })
  check.equal(script.run("cast-info", port), [[
  Name: Living room
  Manufacturer: Google Inc.
  Model: Chromecast
  Build version: 307211
  Cast build: 1.56.307211
  Release track: stable-channel
  MAC address: 6c:ad:f8:01:02:03
  UDN: 01234567-89ab-cdef-0123-456789abcdef]])
  check.same(asked, { path })
end)

test("a newer one, with parts, or with little to say, too", function()
  web.serve(8008, { [path] = web.json([[{"build_info":{"build_type":2,"cast_build_revision":"3.72.446070",
    "release_track":"qa"},"device_info":{"manufacturer":"Lab","model_name":"TV 55","mac_address":"00:00:00:00:00:00",
    "ssdp_udn":"x1"},"name":"TV","build_version":"446070","detail":7}]]) })
  local _, data = script.run("cast-info", port)
  check.same(data, { Name = "TV", Manufacturer = "Lab", Model = "TV 55", UDN = "x1", ["Build version"] = "446070",
    ["Cast build"] = "3.72.446070", ["Release track"] = "qa" })
  web.serve(8008, { [path] = web.json('{"build_version":"1","name":null,"model_name":[]}') })
  check.equal(script.run("cast-info", port), "  Build version: 1")
end)

test("another server, other JSON, cut JSON have none", function()
  for _, answer in ipairs({ "<html></html>", web.json('{"name":"x"}'), web.json("[1]"),
    web.json('{"build_version":"307211","name":"Li'), { status = 404 } }) do
    web.serve(8008, { [path] = answer })
    check.equal(script.run("cast-info", port), nil)
  end
end)
