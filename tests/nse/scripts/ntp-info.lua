-- ntp-info on recorded exchanges.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 123, service = "ntp", protocol = "udp" }

local function server(time, control)
  return function(peer)
    local request = peer:recv()
    while request do
      if request:byte() & 7 == 3 and time then
        peer:send("\x24\2\3\xe9" .. ("\0"):rep(28) .. string.pack(">I4I4", time + 2208988800, 0)
          .. ("\0"):rep(8))
      elseif request:byte() & 7 == 6 and control then
        peer:send("\x16\x82\0\1\6\x15\0\0\0\0" .. string.pack(">I2", #control) .. control)
      end
      request = peer:recv()
    end
  end
end

test("clock and variables are shown", function()
  fake.servers["udp:123"] = server(1700000000,
    'version="ntpd 4.2.8p15", system="Linux/5.10.0",\r\n leap=0')
  check.equal(script.run("ntp-info", port), [[
  receive time stamp: 2023-11-14T22:13:20
  version: ntpd 4.2.8p15
  system: Linux/5.10.0
  leap: 0]])
end)

test("what an older ntpd says of its clock is volatile", function()
  fake.servers["udp:123"] = server(nil, 'version="ntpd 4.2.4p8", system="Linux/2.6.32", leap=0, '
    .. "stratum=3, rootdispersion=44.1, peer=1, refid=192.0.2.7, poll=10, state=4, flags=0x1, "
    .. "update=0x1, signature=md5, cert=x, expire=1")
  local _, data = script.run("ntp-info", port)
  for _, key in ipairs(script.load("ntp-info").volatile) do
    data[key] = nil
  end
  check.same(data, { version = "ntpd 4.2.4p8", system = "Linux/2.6.32" })
end)

test("a server that tells its time alone", function()
  fake.servers["udp:123"] = server(1700000000)
  local text, data = script.run("ntp-info", port)
  check.equal(text, "  ")
  check.same(data, { ["receive time stamp"] = "2023-11-14T22:13:20" })
  fake.verbose_level = 1
  check.equal(script.run("ntp-info", port), "  receive time stamp: 2023-11-14T22:13:20")
end)

test("a lost datagram is no change", function()
  local whole = server(1700000000, 'version="ntpd 4.2.8p15", system="Linux/5.10.0"')
  fake.servers["udp:123"] = whole
  local _, data = script.run("ntp-info", port)
  check.equal(data.version, "ntpd 4.2.8p15")
  fake.servers["udp:123"] = script.lossy(whole, function(request)
    return request:byte() & 7
  end)
  check.same(select(2, script.run("ntp-info", port)), data)
end)

test("silence gives none", function()
  fake.servers["udp:123"] = server()
  check.equal(script.run("ntp-info", port), nil)
end)
