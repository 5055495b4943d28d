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

test("one lost datagram, whichever, takes away nothing", function()
  for lost = 1, 7 do
    local n = 0
    fake.servers["udp:5353"] = script.lossy(avahi.server, function()
      n = n + 1
      return n
    end, { [lost] = 1 })
    local _, data = script.run("mdns-device-info", port, host)
    check.same(data, { Name = "nas.local", Model = "Xserve1,1", CPU = "X86_64", OS = "LINUX" })
  end
end)

test("what services there are is asked once in a visit", function()
  local asked = 0
  fake.servers["udp:5353"] = function(peer)
    local recv = peer.recv
    peer.recv = function(self)
      local request = recv(self)
      asked = asked + (request and request:find("\9_services", 13, true) and 1 or 0)
      return request
    end
    avahi.server(peer)
  end
  local registry = { registry = {} }
  check.truthy(script.run("dns-service-discovery", port, { host = registry }))
  check.truthy(script.run("mdns-device-info", port, { host = registry }))
  check.equal(asked, 1)
end)

test("a host whose services are too many to ask for all still tells its name", function()
  fake.servers["udp:5353"] = avahi.server
  local kept = { [5353] = { false, "the host leaves out 130 records" } }
  local _, data = script.run("mdns-device-info", port, { host = { ip = "10.99.0.15",
    bin_ip = "\10\99\0\15", registry = { dnssd = kept } } })
  check.same(data, { Name = "nas.local", CPU = "X86_64", OS = "LINUX" })
end)

test("silence gives none", function()
  fake.servers["udp:5353"] = script.server({ { "", false } })
  check.equal(script.run("mdns-device-info", port, host), nil)
end)
