-- rip-info on the exchange with BIRD, in several packets, and on others.
local test, check, fake = ...
local script, hex = require "support.script", require("stdnse").fromhex
local port = { number = 520, service = "route", protocol = "udp" }
local request = hex "010200000000000000000000000000000000000000000010"
local reply = hex("0202000000020000c6336400ffffff000a6300090000000100020000cb007180ffffff800000000000"
  .. "00000100020000" .. "0a630000ffffff000000000000000001")

test("the routes are shown", function()
  fake.servers["udp:520"] = function(peer)
    check.equal(peer:recv(), request)
    peer:send(reply)
    peer:hang()
  end
  local text, data = script.run("rip-info", port)
  check.equal(text, [[
  version: 2
  routes: 
    10.99.0.0/24: metric 1
    198.51.100.0/24: metric 1, via 10.99.0.9
    203.0.113.128/25: metric 1]])
  check.equal(data.routes["10.99.0.0/24"], "metric 1")
end)

test("a router of version 1 is asked in it; its tables come in pieces", function()
  fake.servers["udp:520"] = function(peer)
    local first = peer:recv()
    if first:byte(2) == 2 then
      peer:hang()
    end
    for i = 1, 2 do
      peer:send("\2\1\0\0\0\2\0\0\10" .. string.char(i) .. "\0\0\0\0\0\0\0\0\0\0\0\0\0" .. string.char(i))
    end
    peer:hang()
  end
  local _, data = script.run("rip-info", port)
  check.same(data, { version = 1, routes = { ["10.1.0.0"] = "metric 1", ["10.2.0.0"] = "metric 2" } })
end)

test("requests, cut answers and silence give none", function()
  for _, answer in ipairs({ request, "\2\2", false }) do
    fake.servers["udp:520"] = script.server({ { "", answer } })
    check.equal(script.run("rip-info", port), nil)
  end
end)
