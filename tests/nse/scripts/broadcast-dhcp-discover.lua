-- broadcast-dhcp-discover on the exchange with dnsmasq, and with two servers.
local test, check, fake = ...
local script, hex = require "support.script", require("stdnse").fromhex
local options = hex("35010236040a63001133040000a8c03a04000054603b04000093a80104ffffff001c040a6300ff0f08"
  .. "6c61622e7465737406040a63001103040a630001ff")

local function offer(request, list)
  return "\2\1\6\0" .. request:sub(5, 8) .. "\0\0\x80\0\0\0\0\0\x0a\x63\0\x77\x0a\x63\0\x11\0\0\0\0"
    .. request:sub(29, 44) .. ("\0"):rep(192) .. "\x63\x82\x53\x63" .. list
end

local expected = [[
  Response 1 of 1: 
    IP Offered: 10.99.0.119
    DHCP Message Type: DHCPOFFER
    Server Identifier: 10.99.0.17
    IP Address Lease Time: 12h00m00s
    Renewal Time Value: 6h00m00s
    Rebinding Time Value: 10h30m00s
    Subnet Mask: 255.255.255.0
    Broadcast Address: 10.99.0.255
    Domain Name: lab.test
    Domain Name Server: 10.99.0.17
    Router: 10.99.0.1]]

test("an offer is shown, once", function()
  fake.servers["udp:67"] = function(peer)
    local request = peer:recv()
    peer:send(offer(request, options))
    peer:send(offer(request, options))
    peer:hang()
  end
  check.equal(script.run("broadcast-dhcp-discover"), expected)
end)

test("a second server is shown beside the first", function()
  fake.servers["udp:67"] = function(peer)
    local request = peer:recv()
    peer:send(offer(request, options))
    peer:send(offer(request, "\x35\1\2\x36\4\xc0\0\2\x42\xff"))
    peer:hang()
  end
  local _, data = script.run("broadcast-dhcp-discover")
  check.equal(data["Response 2 of 2"]["Server Identifier"], "192.0.2.66")
end)

test("which server answers first is no change", function()
  local lists = { options, "\x35\1\2\x36\4\xc0\0\2\x42\xff", "\x35\1\2\x36\4\xc0\0\2\9\xff" }
  for _ = 1, 3 do
    fake.servers["udp:67"] = function(peer)
      local request = peer:recv()
      for _, list in ipairs(lists) do
        peer:send(offer(request, list))
      end
      peer:hang()
    end
    local _, data = script.run("broadcast-dhcp-discover")
    for i, server in ipairs({ "10.99.0.17", "192.0.2.9", "192.0.2.66" }) do
      check.equal(data[("Response %d of 3"):format(i)]["Server Identifier"], server)
    end
    table.insert(lists, table.remove(lists, 1))
  end
end)

test("a lost datagram is no change", function()
  fake.servers["udp:67"] = script.lossy(function(peer)
    for request in function() return peer:recv() end do
      peer:send(offer(request, options))
    end
  end, function()
    return "question"
  end)
  check.equal(script.run("broadcast-dhcp-discover"), expected)
end)

test("silence gives none", function()
  fake.servers["udp:67"] = script.server({ { "", false } })
  check.equal(script.run("broadcast-dhcp-discover"), nil)
end)
