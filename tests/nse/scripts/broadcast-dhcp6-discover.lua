-- broadcast-dhcp6-discover on the exchange with dnsmasq, and on others.
local test, check, fake = ...
local script, dhcp6 = require "support.script", require "dhcp6"
local hex = require("stdnse").fromhex
local nmap = fake.nmap

-- What dnsmasq offered, behind the transaction.
local offer = hex("0001000a000300010299009900020002000a0003000100000c99001700030028009900020000546000"
  .. "0093a800050018fd9900000000000000000000000011b80000a8c00000a8c0000d000900007375636365737300070001"
  .. "000018000a036c616204746573740000170010fd990000000000000000000000000017")

local function with_interfaces(list, f)
  local before = nmap.list_interfaces
  nmap.list_interfaces = function()
    return list
  end
  local ok, why = pcall(f)
  nmap.list_interfaces = before
  assert(ok, why)
end

local eth0 = {
  { device = "eth0", address = "192.0.2.2", link = "ethernet", up = "up", mac = "\2\x99\0\x99\0\2" },
  { device = "eth0", address = "fe80::99:ff:fe99:2", link = "ethernet", up = "up",
    mac = "\2\x99\0\x99\0\2" },
  { device = "lo", address = "::1", link = "loopback", up = "up" },
}

test("an offer is shown", function()
  fake.servers["udp:547"] = function(peer)
    local request = peer:recv()
    check.equal(request:sub(5, 18), "\0\1\0\x0a\0\3\0\1\2\x99\0\x99\0\2")
    peer:send("\2" .. request:sub(2, 4) .. offer)
    peer:hang()
  end
  with_interfaces(eth0, function()
    local text, data = script.run("broadcast-dhcp6-discover")
    check.equal(text:gsub("Transaction id: %d+", "Transaction id: 1"), [[
  Interface: eth0
    Message type: Advertise
    Transaction id: 1
    Options
      Client identifier: MAC: 02:99:00:99:00:02
      Server identifier: MAC: 00:00:0C:99:00:17
      Non-temporary Address: fd99::11b8
      Status: 0 success
      Preference: 0
      Domain Search: lab.test
      DNS Servers: fd99::17
]])
    check.equal(data[1]["DNS Servers"], "fd99::17")
  end)
end)

test("other kinds of identifiers and servers are read", function()
  local answer = dhcp6.parse("\2\0\0\1" .. hex("0002000e000100011a2b3c4d08fedcba9876"
    .. "00380014000100100000000000000000000000000000007b" .. "0002001200040102030405060708090a0b0c0d0e"
    .. "0f10" .. "0002000400020009"))
  check.same(answer.options[1], { name = "Server identifier",
    value = "MAC: 08:FE:DC:BA:98:76; Time: 2013-11-29T11:51:41" })
  check.same(answer.options[2], { name = "NTP Servers", value = "::7b" })
  check.equal(answer.options[3].value, "UUID: 0102030405060708090a0b0c0d0e0f10")
  check.equal(answer.options[4].value, "DUID: 00020009")
end)

test("answers to others, cut ones, silence and no interface give none", function()
  for _, reply in ipairs({ "\2\0\0\0" .. offer, "\1", false }) do
    fake.servers["udp:547"] = script.server({ { "", reply } })
    with_interfaces(eth0, function()
      check.equal(script.run("broadcast-dhcp6-discover"), nil)
    end)
  end
  check.equal(script.run("broadcast-dhcp6-discover"), nil)
end)
