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

-- Answers as frugal does, and the questions for PTR records of a name with all of lists[name].
local function listing(lists, records)
  return function(peer)
    local recv = peer.recv
    peer.recv = function(self)
      local request = recv(self)
      local name = request and request:sub(13, -5)
      while request and lists[name] and request:byte(-3) == 12 do
        local answer = {}
        for i, pointer in ipairs(lists[name]) do
          answer[i] = name .. string.pack(">I2I2I4s2", 12, 1, 10, pointer)
        end
        self:send(request:sub(1, 2) .. string.pack(">I2I2I2I4", 0x8400, 1, #answer, 0)
          .. request:sub(13) .. table.concat(answer))
        request = recv(self)
        name = request and request:sub(13, -5)
      end
      return request
    end
    frugal(records)(peer)
  end
end

-- Runs f, and adds up the seconds that its sockets waited for nothing.
local function waited(f)
  local new_socket, seconds = fake.nmap.new_socket, 0
  function fake.nmap.new_socket(...)
    local socket = new_socket(...)
    return setmetatable({}, { __index = function(_, key)
      return function(_, ...)
        local status, data = socket[key](socket, ...)
        if key == "receive" and data == "TIMEOUT" then
          seconds, fake.now = seconds + socket.timeout / 1000, fake.now + socket.timeout / 1000
        end
        return status, data
      end
    end })
  end
  local ok, result = pcall(f)
  fake.nmap.new_socket = new_socket
  check.truthy(ok, tostring(result))
  return seconds, result
end

local enumeration, http = labels("_services", "_dns-sd", "_udp", "local"), labels("_http", "_tcp", "local")

test("what is missing is asked for side by side: it takes seconds, not minutes", function()
  -- forty instances without TXT; the host has no address
  local lists, records = { [enumeration] = { http }, [http] = {} }, {}
  for i = 1, 40 do
    lists[http][i] = labels("n" .. i, "_http", "_tcp", "local")
    records[lists[http][i] .. 33] = string.pack(">I2I2I2", 0, 0, 80) .. labels("host", "local")
  end
  fake.servers["udp:5353"] = listing(lists, records)
  local seconds, data = waited(function()
    return select(2, script.run("dns-service-discovery", port))
  end)
  check.equal(#data, 40)
  check.equal(data[40].port, 80)
  check.truthy(seconds > 0 and seconds <= 24, tostring(seconds))
end)

test("a host that leaves out the records of very many services is an error", function()
  local lists = { [enumeration] = { http }, [http] = {} }
  for i = 1, 64 do
    lists[http][i] = labels("n" .. i, "_http", "_tcp", "local")
  end
  fake.servers["udp:5353"] = listing(lists, {})
  local _, data = script.run("dns-service-discovery", port)
  check.equal(#data, 64)
  local other = labels("_ipp", "_tcp", "local")
  lists[enumeration][2], lists[other] = other, { labels("n", "_ipp", "_tcp", "local") }
  check.throws("leaves out", script.run, "dns-service-discovery", port)
  -- the same for scripts that know only a status
  local status, reason = require("dnssd").Helper:new({ ip = "192.0.2.1" }, port):queryServices()
  check.equal(status, false)
  check.contains(reason, "the host leaves out")
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
