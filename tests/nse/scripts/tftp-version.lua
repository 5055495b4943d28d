-- tftp-version on exchanges with tftpd-hpa and dnsmasq, and on others.
local test, check, fake = ...
local script, tftp = require "support.script", require "tftp"
local port = { number = 69, service = "tftp", protocol = "udp" }

test("tftpd-hpa's error is shown", function()
  fake.servers["udp:69"] = script.server({ { "\0octet\0", "\0\5\0\1File not found\0" } })
  local text, data = script.run("tftp-version", port)
  check.equal(text, "  error: File not found\n  code: 1")
  check.same(data, { error = "File not found", code = 1 })
  check.equal(fake.stored(69).version.product, nil)
end)

test("dnsmasq is known by its error, which is the same each time", function()
  fake.servers["udp:69"] = function(peer)
    local name = peer:recv():match("^\0\1(%Z+)")
    peer:send("\0\5\0\1file /srv/tftp/" .. name .. " not found for 10.99.0.2\0")
  end
  local _, data = script.run("tftp-version", port)
  check.same(data, { error = "file /srv/tftp/NAME not found", code = 1 })
  check.equal(fake.stored(69).version.product, "dnsmasq TFTP")
end)

test("a server that gives any file is told", function()
  fake.servers["udp:69"] = script.server({ { "", "\0\3\0\1data" } })
  local _, data = script.run("tftp-version", port)
  check.contains(data.error, "files that do not exist")
end)

test("silence and garbage give none", function()
  for _, answer in ipairs({ false, "\0", "\0\9\0\0", "HTTP/1.0 400\r\n" }) do
    fake.servers["udp:69"] = script.server({ { "", answer } })
    check.equal(script.run("tftp-version", port), nil)
  end
end)

test("packets are built and read", function()
  check.equal(tftp.read_request("a", { { "blksize", 1428 } }), "\0\1a\0octet\0blksize\0001428\0")
  check.same(tftp.parse("\0\6blksize\0001428\0tsize\0000\0"), { op = 6,
    options = { blksize = "1428", tsize = "0" } })
  check.equal(tostring(tftp.Packet.ACK:new(65536)), "\0\4\0\0")
  check.equal(tostring(tftp.Packet.ERROR:new(3, "full")), "\0\5\0\3full\0")
end)
