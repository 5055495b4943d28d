-- ldap-rootdse on what OpenLDAP 2.5 answered.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 389, service = "ldap" }

test("the root entry is shown", function()
  script.replay("ldap-rootdse")
  local text, data = script.run("ldap-rootdse", port)
  check.contains(text, [[
LDAP Results
  <ROOT>
      namingContexts: dc=example,dc=com
      supportedControl: 2.16.840.1.113730.3.4.18]])
  check.contains(text, "supportedLDAPVersion: 3\n")
  check.contains(text, "subschemaSubentry: cn=Subschema")
  check.same(data["<ROOT>"].supportedLDAPVersion, { "3" })
  check.same(data["<ROOT>"].namingContexts, { "dc=example,dc=com" })
end)

test("a result whose code is no number is a failure", function()
  fake.servers["tcp:389"] = script.server({ { "objectClass",
    "\x30\x0d\2\1\1\x65\x08\4\1x\4\0\4\1y" }, { "", "\x30\x0c\2\1\1\x61\7\10\1\0\4\0\4\0" } })
  check.equal(script.run("ldap-rootdse", port), nil)
end)

local ldap = require "ldap"

-- An entry with the name `dn`, the end of a search, and a reference, as answers to the message `id`.
local function entry(id, dn)
  return "0" .. string.pack("s1", "\2\1" .. string.char(id) .. "\x64"
    .. string.pack("s1", "\4" .. string.pack("s1", dn) .. "\x30\0"))
end
local function done(id)
  return "0\12\2\1" .. string.char(id) .. "e\7\10\1\0\4\0\4\0"
end
local function reference(id)
  return "0\12\2\1" .. string.char(id) .. "\x73\7\4\5ldap:"
end

local function connected(server)
  fake.servers["tcp:389"] = server
  local socket = fake.nmap.new_socket()
  socket:connect("192.0.2.1", 389)
  return socket
end

test("what is left of a search that had enough is not taken for the next one", function()
  local got = {}
  local socket = connected(function(peer)
    for _, answer in ipairs({ { "a", "b", "c" }, { "d" } }) do
      got[#got + 1] = peer:recv()
      local id = got[#got]:byte(5)
      for _, dn in ipairs(answer) do
        peer:send(entry(id, dn))
      end
      peer:send(done(id))
      if #got == 1 then
        got[#got + 1] = peer:recv()
      end
    end
  end)
  local status, first = ldap.searchRequest(socket, { maxObjects = 1 })
  check.same({ status, #first, first[1].objectName }, { true, 1, "a" })
  local second
  status, second = ldap.searchRequest(socket, {})
  check.same({ status, #second, second[1].objectName }, { true, 1, "d" })
  check.equal(second.resultCode, 0)
  -- AbandonRequest names the search's message (RFC 4511, section 4.11)
  check.equal(got[2]:sub(-3), "\x50\1" .. got[1]:sub(5, 5))
end)

test("a search that breaks off is told as such, with the entries that came", function()
  for _, hangs in ipairs({ true, false }) do
    local socket = connected(function(peer)
      peer:send(entry(peer:recv():byte(5), "a"))
      if hangs then
        peer:hang()
      end
    end)
    local status, reason, before = ldap.searchRequest(socket, {})
    check.same({ status, reason }, { false, hangs and "TIMEOUT" or "EOF" })
    check.equal(before[1].objectName, "a")
  end
end)

test("a root entry without the end of the search, or none after the bind, is an error", function()
  for _, server in ipairs({ { { "objectClass", entry(1, "") } }, { { "objectClass", false } },
    { { "objectClass", nil } } }) do
    server[2] = { "", "\x30\x0c\2\1\1\x61\7\10\1\0\4\0\4\0" }
    fake.servers["tcp:389"] = script.server(server)
    check.throws("no answer", script.run, "ldap-rootdse", port)
  end
end)

test("a search over UDP is sent again when there is no answer", function()
  local asked = 0
  fake.servers["udp:389"] = function(peer)
    for _ = 1, 2 do
      local id = peer:recv():byte(5)
      asked = asked + 1
      if asked == 2 then
        peer:send(entry(id, "a") .. done(id))
      end
    end
  end
  local status, entries = ldap.udpSearchRequest("192.0.2.1", 389, {})
  check.same({ status, #entries, asked }, { true, 1, 2 })
end)

test("references without end end the search", function()
  local socket = connected(function(peer)
    local id = peer:recv():byte(5)
    while not peer.client_closed do
      peer:send(reference(id):rep(50))
      coroutine.yield()
    end
  end)
  check.same({ ldap.searchRequest(socket, {}) }, { false, "too many answers" })
end)

test("another server gives none", function()
  fake.servers["tcp:389"] = script.server({ { "", "HTTP/1.1 400 Bad Request\r\n\r\n" } })
  check.equal(script.run("ldap-rootdse", port), nil)
end)
