-- dhcp-discover on the exchange with dnsmasq, and on others.
local test, check, fake = ...
local script, dhcp = require "support.script", require "dhcp"
local hex = require("stdnse").fromhex
local port = { number = 67, service = "dhcps", protocol = "udp" }
local options = hex("35010536040a6300110104ffffff001c040a6300ff0f086c61622e7465737406040a63001103040a63"
  .. "0001ff")

-- An answer to a request, with these options.
local function answer(request, list, yiaddr)
  return "\2\1\6\0" .. request:sub(5, 8) .. "\0\0\0\0" .. request:sub(13, 16)
    .. (yiaddr or "\0\0\0\0") .. "\x0a\x63\0\x11\0\0\0\0" .. request:sub(29, 44) .. ("\0"):rep(192)
    .. "\x63\x82\x53\x63" .. list
end

local function server(list, yiaddr)
  return function(peer)
    local request = peer:recv()
    if request then
      peer:send(answer(request, list, yiaddr))
    end
    peer:hang()
  end
end

test("what the server tells is shown", function()
  fake.servers["udp:67"] = server(options)
  local text = script.run("dhcp-discover", port)
  fake.verbose_level = 1
  check.equal(script.run("dhcp-discover", port), "  DHCP Message Type: DHCPACK\n" .. text)
  check.equal(text, [[
  Server Identifier: 10.99.0.17
  Subnet Mask: 255.255.255.0
  Broadcast Address: 10.99.0.255
  Domain Name: lab.test
  Domain Name Server: 10.99.0.17
  Router: 10.99.0.1]])
end)

test("the request asks for no address", function()
  fake.servers["udp:67"] = function(peer)
    local request = peer:recv()
    check.equal(request:sub(237, 243), "\x63\x82\x53\x63\x35\1\8")
    peer:hang()
  end
  check.equal(script.run("dhcp-discover", port), nil)
end)

test("lists, routes and times are read; wrong lengths are left out", function()
  fake.servers["udp:67"] = server("\x35\1\2" .. "\6\8\1\1\1\1\8\8\8\8" .. "\x33\4\0\1\x51\x80"
    .. "\x79\x0d\x18\xc0\0\2\xc0\0\2\1\0\xc0\0\2\xfe" .. "\x1a\3\1\2\3" .. "\x0c\3a\0b" .. "\xff",
    "\xc0\0\2\x64")
  local _, data = script.run("dhcp-discover", port)
  check.same(data, { ["IP Offered"] = "192.0.2.100",
    ["Domain Name Server"] = "1.1.1.1, 8.8.8.8", ["IP Address Lease Time"] = "1d00h00m00s",
    ["Classless Static Route"] = "192.0.2.0/24 192.0.2.1, 0.0.0.0/0 192.0.2.254",
    Hostname = "a.b" })
end)

test("options in the fields of names are read (RFC 2132, 9.3)", function()
  local status, packet = dhcp.dhcp_build(1, "0.0.0.0", "\2\0\0\0\0\1")
  check.truthy(status)
  local whole = answer(packet, "\x34\1\3\x35\1\2\xff")
  whole = whole:sub(1, 44) .. "\x0f\4test\xff" .. whole:sub(52, 108) .. "\x0c\2pc\xff"
    .. whole:sub(114)
  local ok, result = dhcp.dhcp_parse(whole, packet:sub(5, 8))
  check.truthy(ok, tostring(result))
  check.same(dhcp.table_of(result, {}), { ["DHCP Message Type"] = "DHCPOFFER",
    Hostname = "pc", ["Domain Name"] = "test" })
end)

test("foreign answers, requests and silence give none", function()
  for _, reply in ipairs({ "", ("\0"):rep(300), "\2" .. ("\0"):rep(235) .. "\x63\x82\x53\x63" }) do
    fake.servers["udp:67"] = script.server({ { "", reply } })
    check.equal(script.run("dhcp-discover", port), nil)
  end
end)
