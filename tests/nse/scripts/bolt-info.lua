-- bolt-info on answers built as Neo4j's documentation of the Bolt protocol has them.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 7687, service = "bolt", version = { name_confidence = 10, service_tunnel = "none" } }

local function chunks(...)
  local out = ""
  for _, part in ipairs({ ... }) do
    out = out .. string.pack(">s2", part)
  end
  return out .. "\0\0"
end

local success = "\xb1\x70\xa2\x86server\x8cNeo4j/5.13.0\x8dconnection_id\x86bolt-1"

local function says(...)
  fake.servers["tcp:7687"] = fake.replies(nil, { ... })
end

test("the protocol, and from 5.1 on the server", function()
  local asked = {}
  fake.servers["tcp:7687"] = function(peer)
    for _, said in ipairs({ "\0\0\4\5", chunks(success:sub(1, 9), success:sub(10)) }) do
      asked[#asked + 1] = peer:recv()
      peer:send(said)
    end
  end
  check.equal(script.run("bolt-info", port), "  Protocol: 5.4\n  Server: Neo4j/5.13.0\n  TLS: false")
  check.equal(asked[1], "\x60\x60\xb0\x17\0\7\8\5\0\3\4\4\0\0\0\4\0\0\0\3")
  check.equal(asked[2], "\0\52\xb1\1\xa2\x8auser_agent\x88muster/1\x8abolt_agent\xa1\x87product\x88muster/1\0\0")
  local version = fake.stored(7687).version
  check.same({ version.product, version.version }, { "Neo4j", "5.13.0" })
end)

test("a longer name, and one of another server", function()
  says("\0\0\2\5", "\0\0" .. chunks("\xb1\x70\xa1\x86server\xd0\x34" .. "Neo4j/v5.11.0 compatible graph database - "
    .. "Memgraph!!"))
  local _, data = script.run("bolt-info", port)
  check.equal(data.Server, "Neo4j/v5.11.0 compatible graph database - Memgraph!!")
  check.equal(fake.stored(7687).version.product, nil)
end)

test("before 5.1 nothing more is asked", function()
  for version, shown in pairs({ ["\0\0\4\4"] = "4.4", ["\0\0\0\5"] = "5.0", ["\0\0\0\3"] = "3.0" }) do
    says(version)
    check.equal(script.run("bolt-info", port), "  Protocol: " .. shown .. "\n  TLS: false")
  end
end)

test("a refusal of HELLO leaves the protocol; silence is an error", function()
  says("\0\0\4\5", chunks("\xb1\x7f\xa1\x84code\x83Neo"))
  check.equal(script.run("bolt-info", port), "  Protocol: 5.4\n  TLS: false")
  fake.servers["tcp:7687"] = fake.replies(nil, { "\0\0\4\5" }, true)
  check.throws("no answer", script.run, "bolt-info", port)
  says("\0\0\4\5", "\255\255\xb1\x70")
  check.throws("no answer", script.run, "bolt-info", port)
end)

test("a server that takes none of the versions, and others, give none", function()
  for _, text in ipairs({ "\0\0\0\0", "\0\0\0\9", "HTTP/1.1 400 Bad Request\r\n\r\n", "\1\0\4\5", "HTTP" }) do
    says(text)
    check.equal(script.run("bolt-info", port), nil)
  end
end)
