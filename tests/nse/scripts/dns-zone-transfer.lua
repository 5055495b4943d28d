-- dns-zone-transfer on a zone as BIND sends it, in one message and in several, and on refusals.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 53, service = "domain" }
local args = { args = { ["dns-zone-transfer.domain"] = "lab.test" } }
local zone = "\3lab\4test\0"

local function record(name, kind, data)
  return name .. string.pack(">I2I2I4s2", kind, 1, 3600, data)
end

local soa = record(zone, 6, "\3dns\xc0\x0c\5admin\xc0\x0c" .. string.pack(">I4I4I4I4I4",
  2024013101, 3600, 900, 1209600, 3600))
local records = {
  soa, record(zone, 1, "\10\99\0\10"), record(zone, 15, "\0\10\4mail\xc0\x0c"),
  record(zone, 16, "\x0ev=spf1 mx -all"), record(zone, 2, "\3dns\xc0\x0c"),
  record("\5_ldap\4_tcp" .. zone, 33, "\0\0\0\0\1\x85\3dir\xc0\x0c"),
  record("\4blog" .. zone, 5, "\4web1\xc0\x0c"),
  record("\4chat" .. zone, 28, "\xfd\x99" .. ("\0"):rep(13) .. "\x22"), soa,
}

-- The records of a range as one message to the question that was asked.
local function message(request, first, last, flags)
  local answers = table.concat(records, "", first, last)
  return string.pack(">s2", request:sub(3, 4) .. (flags or "\x84\0") .. string.pack(">I2I2I2I2", 1,
    last - first + 1, 0, 0) .. zone .. "\0\xfc\0\1" .. answers)
end

local expected = [[
lab.test.             SOA    dns.lab.test. admin.lab.test.
lab.test.             A      10.99.0.10
lab.test.             MX     10 mail.lab.test.
lab.test.             TXT    "v=spf1 mx -all"
lab.test.             NS     dns.lab.test.
_ldap._tcp.lab.test.  SRV    0 0 389 dir.lab.test.
blog.lab.test.        CNAME  web1.lab.test.
chat.lab.test.        AAAA   fd99::22
lab.test.             SOA    dns.lab.test. admin.lab.test.
]]

test("a zone that is handed out is shown", function()
  fake.servers["tcp:53"] = function(peer)
    local request = peer:recv()
    check.equal(request:sub(15), zone .. "\0\xfc\0\1")
    peer:send(message(request, 1, #records))
    peer:hang()
  end
  local text, data = script.run("dns-zone-transfer", port, args)
  check.equal(text, expected)
  check.same({ data.zone, data.records, data.serial }, { "lab.test", 8, 2024013101 })
end)

test("it may come in pieces and in several messages", function()
  fake.servers["tcp:53"] = function(peer)
    local request = peer:recv()
    local bytes = message(request, 1, 4) .. message(request, 5, #records)
    for at = 1, #bytes, 50 do
      peer:send(bytes:sub(at, at + 49))
    end
    peer:hang()
  end
  check.equal(script.run("dns-zone-transfer", port, args), expected)
end)

test("the zone comes from the host's name", function()
  local asked = {}
  fake.servers["tcp:53"] = function(peer)
    local request = peer:recv()
    asked[#asked + 1] = request:sub(15, -5)
    peer:send(message(request, 1, 0, "\x80\5"))
  end
  check.equal(script.run("dns-zone-transfer", port, { host = { name = "ns.sub.lab.test" } }), nil)
  check.same(asked, { "\3sub" .. zone, zone })
end)

test("refusals give none, a transfer that breaks off is an error", function()
  for _, hangs in ipairs({ true, false }) do
    fake.servers["tcp:53"] = function(peer)
      peer:send(message(peer:recv(), 1, 4))
      if hangs then
        peer:hang()
      end
    end
    check.throws("no answer", script.run, "dns-zone-transfer", port, args)
  end
  fake.servers["tcp:53"] = script.server({ { "", false } })
  check.equal(script.run("dns-zone-transfer", port, args), nil)
end)
