-- cassandra-info on exchanges built by Cassandra's descriptions of its protocols (native_protocol
-- v4, cassandra.thrift); the fields are those of versions 4.1, 3.11 and 1.2.
local test, check, fake = ...
local script = require "support.script"
local cassandra = require "cassandra"
local port = { number = 9042, service = "cassandra" }

local function frame(opcode, body)
  return string.pack(">BBI2Bs4", 0x84, 0, 0, opcode, body)
end

local function multimap(...)
  local entries = { ... }
  local out = { string.pack(">I2", #entries) }
  for _, entry in ipairs(entries) do
    out[#out + 1] = string.pack(">s2I2", entry[1], #entry - 1)
    for i = 2, #entry do
      out[#out + 1] = string.pack(">s2", entry[i])
    end
  end
  return table.concat(out)
end

local supported = frame(6, multimap({ "COMPRESSION", "snappy", "lz4" },
  { "CQL_VERSION", "3.4.6" }, { "PROTOCOL_VERSIONS", "3/v3", "4/v4", "5/v5" }))
local ready = frame(2, "")
local authenticate = frame(3, string.pack(">s2", "org.apache.cassandra.auth.PasswordAuthenticator"))

-- One row of system.local: varchars and a uuid, with the table named once.
local host_id = "\x2b\x3c\x4d\x5e\1\2\x43\4\x85\6\7\8\9\10\11\12"
local function row(values)
  local names = { "cluster_name", "release_version", "data_center", "rack", "host_id" }
  local out = { string.pack(">I4I4I4s2s2", 2, 1, #names, "system", "local") }
  for i, name in ipairs(names) do
    out[#out + 1] = string.pack(">s2I2", name, i == 5 and 0x0c or 0x0d)
  end
  out[#out + 1] = string.pack(">I4", 1)
  for _, value in ipairs(values) do
    out[#out + 1] = string.pack(">s4", value)
  end
  return frame(8, table.concat(out))
end
local node = row({ "Test Cluster", "4.1.3", "datacenter1", "rack1", host_id })

test("a node without a login tells its cluster", function()
  fake.servers["tcp:9042"] = fake.replies(nil, { supported, ready, node })
  check.equal(script.run("cassandra-info", port), [[
  CQL version: 3.4.6
  Protocol versions: 3/v3, 4/v4, 5/v5
  Compression: snappy, lz4
  Login without password: yes
  Cluster name: Test Cluster
  Version: 4.1.3
  Data center: datacenter1
  Rack: rack1
  Host ID: 2b3c4d5e-0102-4304-8506-0708090a0b0c]])
  check.equal(fake.stored(9042).version.version, "4.1.3")
end)

test("one with a login tells how", function()
  fake.servers["tcp:9042"] = fake.replies(nil, { supported, authenticate })
  local _, data = script.run("cassandra-info", port)
  check.equal(data.Login, "PasswordAuthenticator")
  check.equal(data["Login without password"], nil)
end)

test("a node that is lost on the way is an error", function()
  for _, answers in ipairs({ { supported }, { supported, ready } }) do
    fake.servers["tcp:9042"] = fake.replies(nil, answers, true)
    check.throws("no answer", script.run, "cassandra-info", port)
  end
end)

test("an old node is asked in the version that it names", function()
  local asked = {}
  fake.servers["tcp:9042"] = function(peer)
    asked[#asked + 1] = peer:recv():byte()
    if asked[#asked] == 4 then
      peer:send(frame(0, "\0\0\0\10" .. string.pack(">s2", "Invalid or unsupported protocol version"
        .. " (4); the lowest supported version is 1 and the greatest is 3")))
      return
    end
    peer:send(supported)
    peer:recv()
    peer:send(authenticate)
  end
  check.contains(script.run("cassandra-info", port), "Login: PasswordAuthenticator")
  check.same(asked, { 4, 3 })
end)

local function reply(name, text)
  return string.pack(">s4", string.pack(">I4s4I4BI2s4B", 0x80010002, name, 0, 11, 0, text, 0))
end

test("Thrift tells cluster and version", function()
  fake.servers["tcp:9160"] = script.server({
    { "describe_cluster_name", reply("describe_cluster_name", "Test Cluster") },
    { "describe_version", reply("describe_version", "19.36.0") } })
  check.equal(script.run("cassandra-info", { number = 9160, service = "cassandra-thrift" }),
    "  Cluster name: Test Cluster\n  Version: 19.36.0")
end)

test("another server, and garbage, have none", function()
  fake.servers["tcp:9042"] = fake.replies("220 ftp\r\n")
  check.equal(script.run("cassandra-info", port), nil)
  for _ = 1, 300 do
    fake.servers["tcp:9042"] = fake.replies(nil, { fake.mutated(supported), ready,
      fake.mutated(node) })
    script.run_or_lost("cassandra-info", port)
  end
end)

test("a login by Thrift is accepted or refused", function()
  local function answer(struct)
    fake.servers["tcp:9160"] = fake.replies(nil, { string.pack(">s4",
      string.pack(">I4s4I4", 0x80010002, "login", 0) .. struct) })
    local socket = fake.nmap.new_socket()
    socket:connect("192.0.2.1", 9160)
    return cassandra.login(socket, "eve", "secret")
  end
  check.truthy(answer("\0"))
  check.fails(answer("\12\0\1\11\0\1\0\0\0\2no\0\0"))
end)

test("the greatest version stands in an error, which is read at once", function()
  local greatest = require("cassandra").greatest_version
  check.equal(greatest("supported versions are (3/v3, 4/v4, 5/v5-beta)"), 5)
  check.quick(greatest, ("1"):rep(100000))
end)
