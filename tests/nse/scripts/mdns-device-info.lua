-- mdns-device-info on the exchange with avahi-daemon, and on hosts that tell less.
local test, check, fake = ...
local script, avahi = require "support.script", require "support.mdns"
local port = { number = 5353, service = "mdns", protocol = "udp" }
local host = { host = { ip = "10.99.0.15", bin_ip = "\10\99\0\15" } }

test("name, model, processor and system are shown", function()
  fake.servers["udp:5353"] = avahi.server
  local text, data = script.run("mdns-device-info", port, host)
  check.equal(text, "  Name: nas.local\n  Model: Xserve1,1\n  CPU: X86_64\n  OS: LINUX")
  check.equal(data.Name, "nas.local")
end)

test("a host whose address has no name still tells its model", function()
  fake.servers["udp:5353"] = avahi.server
  local _, data = script.run("mdns-device-info", port)
  check.same(data, { Model = "Xserve1,1" })
end)

test("silence gives none", function()
  fake.servers["udp:5353"] = script.server({ { "", false } })
  check.equal(script.run("mdns-device-info", port, host), nil)
end)
