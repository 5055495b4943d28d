-- ubiquiti-discovery on answers of both versions, as they are seen on the wire.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 10001, service = "ubiquiti-discovery", protocol = "udp" }

local function field(kind, value)
  return string.pack(">Bs2", kind, value)
end

local function message(head, ...)
  return head .. string.pack(">s2", table.concat({ ... }))
end

local radio = message("\1\0", field(2, "\x24\xa4\x3c\1\2\3\xc0\0\2\1"), field(1, "\x24\xa4\x3c\1\2\3"),
  field(2, "\x24\xa4\x3c\1\2\4\xc0\0\2\9"), field(2, "\x24\xa4\x3c\1\2\4\xc0\0\2\5"), field(10, "\0\1\x51\x81"),
  field(11, "roof"), field(12, "N5N"), field(13, "backbone"), field(14, "\3"),
  field(3, "XM.ar7240.v6.3.2.33267.200110.1123"), field(16, "\xe8\x05"), field(20, "NanoStation M5"))
local access_point = message("\2\6", field(2, "\x80\x2a\xa8\1\2\3\xc0\0\2\1"), field(1, "\x80\x2a\xa8\1\2\3"),
  field(10, "\0\0\0\x3d"), field(11, "hall"), field(0x15, "U7PG2"), field(0x16, "6.5.28.14491"),
  field(3, "BZ.qca956x_6.5.28+14491.230127.2313"), field(0x12, "\0\0\0\5"))

-- answers: by the version that is asked for; lost: as many questions are.
local function serve(answers, lost)
  local asked = {}
  fake.servers["udp:10001"] = function(peer)
    for request in function() return peer:recv() end do
      asked[#asked + 1] = request
      local answer = answers[request:byte(1)]
      if answer and #asked > (lost or 0) then
        peer:send(answer)
      end
    end
  end
  return asked
end

local whole = [[
  protocol: v1
  uptime_seconds: 86401
  uptime: 1 days 00:00:01
  hostname: roof
  product: N5N
  firmware: XM.ar7240.v6.3.2.33267.200110.1123
  version: v6.3.2
  essid: backbone
  model: NanoStation M5
  interface_to_ip: 
    24:a4:3c:01:02:03: 
      192.0.2.1
    24:a4:3c:01:02:04: 
      192.0.2.5
      192.0.2.9
  mac_addresses: 
    24:a4:3c:01:02:03
    24:a4:3c:01:02:04]]

test("a device of version 1 tells what it is, and is asked no more", function()
  local asked = serve({ radio })
  check.equal(script.run("ubiquiti-discovery", port), whole)
  check.same(asked, { "\1\0\0\0" })
  check.equal(fake.stored(10001).version.product, "NanoStation M5")
end)

test("one that knows version 2 alone, too", function()
  local asked = serve({ [2] = access_point })
  check.equal(script.run("ubiquiti-discovery", port), [[
  protocol: v2
  uptime_seconds: 61
  uptime: 0 days 00:01:01
  hostname: hall
  firmware: BZ.qca956x_6.5.28+14491.230127.2313
  version: v6.5.28
  model: U7PG2
  interface_to_ip: 
    80:2a:a8:01:02:03: 
      192.0.2.1
  mac_addresses: 
    80:2a:a8:01:02:03]])
  check.equal(asked[#asked], "\2\8\0\0")
end)

test("one lost datagram is none", function()
  serve({ radio }, 1)
  check.equal(script.run("ubiquiti-discovery", port), whole)
end)

test("a cut answer is read as far as it goes, and not beyond its own length", function()
  serve({ radio:sub(1, 60) })
  local _, data = script.run("ubiquiti-discovery", port)
  check.same(data.mac_addresses, { "24:a4:3c:01:02:03", "24:a4:3c:01:02:04" })
  check.equal(data.hostname, nil)
  serve({ "\1\0\0\5" .. field(11, "ab") .. field(12, "N5N") })
  check.same(select(2, script.run("ubiquiti-discovery", port)), { protocol = "v1", hostname = "ab" })
end)

test("fields of odd lengths are none", function()
  serve({ message("\1\0", field(1, "\1\2\3"), field(2, "\1\2\3\4\5\6"), field(10, "\1"), field(11, ""),
    field(12, "N5N")) })
  check.same(select(2, script.run("ubiquiti-discovery", port)), { protocol = "v1", product = "N5N" })
end)

test("other answers, echoes, empty lists have none", function()
  for _, reply in ipairs({ "\1\0\0\0", "\2\6\0\0", "hello, world", message("\1\0", field(99, "x")), "\1\0\xff\xff\11\xff\xff\1",
    access_point, "\1" }) do
    serve({ reply, "x" })
    check.equal(script.run("ubiquiti-discovery", port), nil)
  end
end)
