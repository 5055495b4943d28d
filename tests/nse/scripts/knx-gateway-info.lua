-- knx-gateway-info on the exchange with knxd, and with a device that has a serial number.
local test, check, fake = ...
local script, hex = require "support.script", require("stdnse").fromhex
local port = { number = 3671, service = "knxnetip", protocol = "udp" }
local request = hex "06100203000e0801000000000000"
local reply = hex("0610020400463601020011010000000000000000e000170c0017889900246c616200000000"
  .. "00000000000000000000000000000000000000000000000a020201030104010501")

test("name, addresses and services are shown", function()
  fake.servers["udp:3671"] = script.server({ { request, reply } })
  check.equal(script.run("knx-gateway-info", port), [[
  Body: 
    DIB_DEV_INFO: 
      KNX address: 1.1.1
      KNX medium: KNX TP1
      Multicast address: 224.0.23.12
      Device MAC address: 00:17:88:99:00:24
      Device friendly name: lab
    DIB_SUPP_SVC_FAMILIES: 
      KNXnet/IP Core version 1
      KNXnet/IP Device Management version 1
      KNXnet/IP Tunnelling version 1
      KNXnet/IP Routing version 1]])
end)

test("a serial number tells devices apart", function()
  local serial = reply:sub(1, 14) .. hex "00ef2650065c" .. reply:sub(21)
  fake.servers["udp:3671"] = script.server({ { request, serial } })
  local _, data = script.run("knx-gateway-info", port)
  check.equal(data.Body.DIB_DEV_INFO["Device serial"], "00ef2650065c")
end)

test("silence, cut and foreign answers give none", function()
  for _, answer in ipairs({ false, reply:sub(1, 40), "\6\x10\2\6\0\6", "" }) do
    fake.servers["udp:3671"] = script.server({ { "", answer } })
    check.equal(script.run("knx-gateway-info", port), nil)
  end
end)
