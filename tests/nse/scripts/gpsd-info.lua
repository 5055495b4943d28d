-- gpsd-info on what gpsd 3.22 said with a receiver, and in the form of gpsd_json(5).
local test, check, fake = ...
local script = require "support.script"
local port = { number = 2947, service = "gpsd" }
local hello = '{"class":"VERSION","release":"3.17","rev":"3.17","proto_major":3,"proto_minor":12}\r\n'

test("version, receivers and place are shown", function()
  script.replay("gpsd-info")
  check.equal(script.run("gpsd-info", port), [[
  Version: 3.22
  Devices: 
    udp://127.0.0.1:5005: NMEA0183
  Time of fix: 2026-11-30T11:20:26
  Coordinates: 52.5000,13.4000
  Speed: 0.5 knots]])
  check.equal(fake.stored(2947).version.version, "3.22")
end)

test("a receiver that sees no satellites tells no place", function()
  fake.servers["tcp:2947"] = fake.replies(hello, { '{"class":"DEVICES","devices":[{"path":"/dev/ttyACM0",'
    .. '"driver":"u-blox","subtype":"SW 1.0"},7]}\r\n{"class":"TPV","mode":1}\r\n' }, true)
  local _, data = script.run("gpsd-info", port)
  check.same(data, { Version = "3.17", Devices = { ["/dev/ttyACM0"] = "u-blox, SW 1.0" } })
  fake.servers["tcp:2947"] = fake.replies(hello, { '{"class":"DEVICES","devices":[]}\r\n' })
  check.equal(script.run("gpsd-info", port), "  Version: 3.17")
end)

test("a daemon that is silent after its greeting is an error", function()
  fake.servers["tcp:2947"] = fake.replies(hello, {}, true)
  check.throws("no answer", script.run, "gpsd-info", port)
end)

test("a stream without an end, or of numbers that are none, is no fault", function()
  fake.servers["tcp:2947"] = fake.replies(hello, { ('{"class":"TPV","lat":"x","lon":[]}\r\n'):rep(1000) })
  check.equal(script.run("gpsd-info", port), "  Version: 3.17")
end)

test("a greeting that is cut, or another server's, gives none", function()
  for _, text in ipairs({ hello:sub(1, 30), "220 ftp\r\n", '{"class":"VERSION"}\r\n', "[]\r\n",
    '{"class":"VERSION","release":3}\r\n' }) do
    fake.servers["tcp:2947"] = fake.replies(text)
    check.equal(script.run("gpsd-info", port), nil)
  end
end)
