-- dns-nsid on what BIND 9.18 answered.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 53, service = "domain", protocol = "udp" }

test("identifier and version are shown", function()
  script.replay("dns-nsid", script.echo(1, 2))
  local text, data = script.run("dns-nsid", port)
  check.equal(text, [[
  NSID: ns1.lab (6e73312e6c6162)
  id.server: ns1.lab
  bind.version: 9.18.24]])
  check.same(data.NSID, { raw = "ns1.lab", hex = "6e73312e6c6162" })
end)

test("the port over TCP is asked where it is not known to be open over UDP", function()
  local tcp = { number = 53, service = "domain", protocol = "tcp" }
  fake.ports = { ["udp:53"] = { state = "open" } }
  check.same({ script.run("dns-nsid", tcp) }, { nil, nil, false })
  fake.servers["tcp:53"] = fake.replies(nil, {}, true)
  for _, state in ipairs({ "closed", "open|filtered" }) do
    fake.ports = { ["udp:53"] = { state = state } }
    check.same({ script.run("dns-nsid", tcp) }, { nil, nil, true })
  end
end)

test("a server over TLS is asked over TLS, and stored as one", function()
  local recorded, n = script.recorded("dns-nsid"), 0
  fake.servers["ssl:853"] = function(peer)
    local request = peer:recv()
    n = n + 1
    peer:send(string.pack(">s2", script.echo(1, 2)(recorded[n][1][2], request:sub(3))))
  end
  local tls = { number = 853, service = "domain-s" }
  check.equal(script.run("dns-nsid", tls), [[
  NSID: ns1.lab (6e73312e6c6162)
  id.server: ns1.lab
  bind.version: 9.18.24]])
  local version = fake.stored(853).version
  check.same({ version.name, version.version, version.service_tunnel }, { "domain", "9.18.24", "ssl" })
  fake.servers["ssl:853"] = fake.replies(nil, { "HTTP/1.1 400 Bad Request\r\n\r\n" })
  check.equal(script.run("dns-nsid", tls), nil)
end)

-- What was recorded but for some of the questions, by their number.
local function with_lost(lost)
  script.replay("dns-nsid", script.echo(1, 2))
  local serve, n, recorded = fake.servers["udp:53"], 0, 0
  fake.servers["udp:53"] = function(peer)
    n = n + 1
    if lost[n] then
      peer:hang()
    end
    recorded = recorded + 1
    serve(peer)
  end
end

test("what got no answer is asked again", function()
  with_lost({ [3] = true })
  check.equal(select(2, script.run("dns-nsid", port))["bind.version"], "9.18.24")
  with_lost({ [3] = true, [4] = true })
  check.throws("no answer for bind.version", script.run, "dns-nsid", port)
end)

test("silence gives none", function()
  fake.servers["udp:53"] = fake.replies(nil, {}, true)
  check.equal(script.run("dns-nsid", port), nil)
end)

test("a client subnet is an option of EDNS, however its address is given", function()
  local dns = require "dns"
  local option = "\0\8\0\7\0\1\24\0\10\99\0"
  for _, subnet in ipairs({ { family = "inet", address = "10.99.0.2", mask = 24 },
    { family = 1, address = 0x0a630002, mask = 24 } }) do
    local request = dns.newPacket()
    dns.addClientSubnet(request, {}, subnet)
    check.contains(dns.encode(request), option)
  end
  local request = dns.newPacket()
  dns.addClientSubnet(request, {}, { family = "inet6", address = "fd99::2", mask = 16 })
  check.contains(dns.encode(request), "\0\8\0\6\0\2\16\0\xfd\x99")
end)

test("an update without data takes the records of a type away", function()
  local dns, asked = require "dns", nil
  fake.servers["udp:53"] = function(peer)
    asked = peer:recv()
    peer:send(asked:sub(1, 2) .. "\xa8\0" .. asked:sub(5))
  end
  local options = { host = "192.0.2.53", dtype = "A", ttl = 0, data = "" }
  check.truthy(dns.update("host.dyn.test", options))
  check.contains(asked, "\0\1\0\xff\0\0\0\0\0\0")
end)
