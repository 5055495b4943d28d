-- dns-service-discovery on the exchange with avahi-daemon, and with a host that is silent.
local test, check, fake = ...
local script, avahi = require "support.script", require "support.mdns"
local port = { number = 5353, service = "mdns", protocol = "udp" }

test("services, their texts and addresses are shown", function()
  fake.servers["udp:5353"] = avahi.server
  local text, data = script.run("dns-service-discovery", port)
  check.equal(text, [[
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
  check.same(data[3], { service = "ipp", port = 631, proto = "tcp", name = "Lab NAS",
    txt = { path = "/", model = "Lab1" }, target = "nas.local",
    addresses = { "10.99.0.15", "fd99::15" } })
end)

test("an answer that gets lost costs no service", function()
  local serve, asked = avahi.server, 0
  fake.servers["udp:5353"] = function(peer)
    local recv = peer.recv
    peer.recv = function(self)
      local request = recv(self)
      while request and request:find("\4_ipp", 13, true) and asked < 2 do
        asked = asked + 1
        request = recv(self)
      end
      return request
    end
    serve(peer)
  end
  local _, data = script.run("dns-service-discovery", port)
  check.equal(asked, 2)
  check.equal(data[3] and data[3].service, "ipp")
end)

local function labels(...)
  return string.pack(("s1"):rep(select("#", ...)), ...) .. "\0"
end

-- Answers each question, name and type, with what records has for it, and nothing beside.
local function frugal(records)
  return function(peer)
    local request = peer:recv()
    while request do
      local last = request:find("\0", 13, true)
      local name, dtype = request:sub(13, last), string.unpack(">I2", request, last + 1)
      local data = records[name .. dtype]
      if data then
        peer:send(request:sub(1, 2) .. "\x84\0\0\1\0\1\0\0\0\0" .. request:sub(13, last + 4)
          .. name .. string.pack(">I2I2I4s2", dtype, 1, 10, data))
      end
      request = peer:recv()
    end
  end
end

test("what an answer leaves out is asked for, also for a label with dots", function()
  local kind = labels("_ipp", "_tcp", "local")
  local instance = labels("Printer v1.2", "_ipp", "_tcp", "local")
  local host = labels("printer", "local")
  fake.servers["udp:5353"] = frugal({
    [labels("_services", "_dns-sd", "_udp", "local") .. 12] = kind,
    [kind .. 12] = instance,
    [instance .. 33] = string.pack(">I2I2I2", 0, 0, 631) .. host,
    [instance .. 16] = "\6rp=ipp",
    [host .. 1] = "\xc0\0\2\1",
  })
  local _, data = script.run("dns-service-discovery", port)
  check.same(data, { { service = "ipp", port = 631, proto = "tcp", name = "Printer v1.2",
    txt = { rp = "ipp" }, target = "printer.local", addresses = { "192.0.2.1" } } })
end)

test("silence gives none", function()
  fake.servers["udp:5353"] = script.server({ { "", false } })
  check.equal(script.run("dns-service-discovery", port), nil)
end)

test("names that point to themselves and unknown types do no harm", function()
  fake.servers["udp:5353"] = function(peer)
    local request = peer:recv()
    while request do
      local name = request:sub(13, request:find("\0", 13, true))
      peer:send(request:sub(1, 2) .. "\x84\0\0\1\0\2\0\0\0\0" .. request:sub(13)
        .. name .. "\0\x0c\0\1\0\0\0\x0a\0\2\xc0\x0c"
        .. name .. "\0\x0c\0\1\0\0\0\x0a" .. string.pack(">s2", "\5_odd\3_pp\0"))
      request = peer:recv()
    end
  end
  script.run("dns-service-discovery", port)
end)
