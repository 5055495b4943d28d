-- broadcast-dns-service-discovery on the exchange with avahi-daemon.
local test, check, fake = ...
local script, avahi = require "support.script", require "support.mdns"

test("the services of the link are shown", function()
  fake.servers["udp:5353"] = avahi.server
  check.equal(script.run("broadcast-dns-service-discovery"), [[
  224.0.0.251
    9/tcp workstation
      Address=10.99.0.15 fd99::15
    631/tcp http
      path=/
      model=Lab1
      Address=10.99.0.15 fd99::15
    631/tcp ipp
      path=/
      model=Lab1
      Address=10.99.0.15 fd99::15
]])
end)

test("silence gives none", function()
  fake.servers["udp:5353"] = script.server({ { "", false } })
  check.equal(script.run("broadcast-dns-service-discovery"), nil)
end)
