-- mongodb-info on exchanges in the form of MongoDB 4.4 and 3.2, and its libraries.
local test, check, fake = ...
local script = require "support.script"
local mongo = require "support.mongo"
local bson = require "bson"
local port = { number = 27017, service = "mongodb" }

test("the build is shown, and the state where it is open", function()
  fake.servers["tcp:27017"] = mongo.server(mongo.hello, { buildInfo = mongo.build_msg,
    serverStatus = mongo.deny_msg })
  local text, data = script.run("mongodb-info", port)
  check.contains(text, "  MongoDB Build info\n    version = 4.4.25\n    gitVersion = 3e18c4c5")
  check.contains(text, "    versionArray\n      0 = 4\n      1 = 4\n      2 = 25\n      3 = 0\n")
  check.contains(text, [[
  Server status
    ok = 0.0
    errmsg = command serverStatus requires authentication
    code = 13
    codeName = Unauthorized]])
  check.equal(data["MongoDB Build info"].openssl.running, "OpenSSL 1.1.1w  11 Sep 2023")
  check.equal(fake.stored(27017).version.version, "4.4.25")
end)

test("a server of before 3.6 is asked in its own words", function()
  local asked
  fake.servers["tcp:27017"] = function(peer)
    peer:recv()
    peer:send(mongo.old_hello)
    asked = peer:recv()
    peer:send(mongo.build_reply)
  end
  local text, data = script.run("mongodb-info", port)
  check.equal(string.unpack("<I4", asked, 13), 2004, "OP_QUERY")
  check.equal(data["MongoDB Build info"].version, "4.4.25")
  check.same(data["Replica set"], { name = "rs0", me = "db1:27017",
    hosts = { "db1:27017", "db2:27017" } })
  check.contains(text, "  Replica set\n    name = rs0\n    me = db1:27017\n    hosts\n      0 = db1:27017")
end)

test("over TLS where the port speaks it", function()
  fake.servers["ssl:27017"] = mongo.server(mongo.hello, { buildInfo = mongo.build_msg })
  fake.servers["tcp:27017"] = fake.replies(nil, {})
  local _, data = script.run("mongodb-info", port)
  check.equal(data["MongoDB Build info"].version, "4.4.25")
end)

test("another server, and garbage, have none", function()
  fake.servers["tcp:27017"] = fake.replies("220 ftp\r\n")
  check.equal(script.run("mongodb-info", port), nil)
  for _ = 1, 300 do
    fake.servers["tcp:27017"] = mongo.server(mongo.hello, {
      buildInfo = fake.mutated(mongo.build_msg), serverStatus = fake.mutated(mongo.dbs_msg) })
    script.run_or_lost("mongodb-info", port)
  end
end)

test("BSON of every kind is read", function()
  local document, after = bson.decode(mongo.every)
  check.equal(after, #mongo.every + 1)
  check.equal(document.b, "0102")
  check.equal(document.i, "6557a1b2c3d4e5f601234567")
  check.equal(document.w, "1969-12-31T23:59:59.500Z")
  check.equal(document.ts, "1700000000:3")
  check.equal(document.r, "/^a/i")
  check.equal(document.o.a[2], 1 << 40)
  check.equal(document.n, bson.null)
  check.equal(document.neg, -5)
  check.equal(#document, 11)
end)

test("BSON is written as MongoDB's library writes it, and refuses what it cannot", function()
  local status, bytes = bson.encode({ { "isMaster", 1 }, { "helloOk", true } })
  check.equal(status and bytes, mongo.ask)
  check.fails(bson.encode({ { "f", print } }))
  local all = { { "f", 1.5 }, { "l", 1 << 40 }, { "b", bson.binary("xy") }, { "o", { { "s", "t" } } } }
  local document = bson.decode(select(2, bson.encode(all)))
  check.equal(document.f, 1.5)
  check.equal(document.l, 1 << 40)
  check.equal(document.b, "7879")
  check.equal(document.o.s, "t")
end)

test("documents within documents without end are refused", function()
  local nested = "\5\0\0\0\0"
  for _ = 1, 100 do
    nested = string.pack("<I4Bz", #nested + 8, 3, "a") .. nested .. "\0"
  end
  local document, reason = bson.decode(nested)
  check.fails(document, reason)
end)

test("a login answers the server's challenge", function()
  local mongodb = require "mongodb"
  -- the server's part is that of RFC 5802, section 5; the client's is computed with its nonce
  local asked = {}
  local function payload(text)
    local _, bytes = bson.encode({ { "conversationId", 1 }, { "payload", bson.binary(text) },
      { "ok", 1.0 } })
    local content = string.pack("<I4B", 0, 0) .. bytes
    return string.pack("<I4I4I4I4", #content + 16, 1, 2, 2013) .. content
  end
  fake.servers["tcp:27017"] = function(peer)
    peer:recv()
    peer:send(mongo.hello)
    asked[1] = peer:recv()
    local nonce = asked[1]:match("n=eve,r=([%w+/=]+)")
    peer:send(payload("r=" .. nonce .. "3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096"))
    asked[2] = peer:recv()
    peer:send(payload("v=rmF9pqV8S7suAoZWja4dJRkFsKQ="))
  end
  local socket = mongodb.connect("192.0.2.1", 27017)
  check.truthy(mongodb.login(socket, "admin", "eve", "secret"))
  check.truthy(asked[2]:find("c=biws,r=[%w+/]+3rfcNHYJY1ZVvWVs7j,p=[%w+/]+="))
end)
