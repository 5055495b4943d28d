-- fox-info on hellos as stations of Niagara AX and 4 answer them.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 1911, service = "fox" }

local answer = [[
fox a 0 -1 fox hello
{
fox.version=s:1.0.1
id=i:1
hostName=s:ahu-roof
hostAddress=s:192.0.2.1
app.name=s:Station
app.version=s:3.8.111
vm.name=s:Java HotSpot(TM) Embedded Client VM
vm.version=s:25.0-b70
os.name=s:QNX
os.version=s:6.5.0
station.name=s:Lab
lang=s:en
timeZone=s:Europe/Berlin;3600000;3600000;02:00:00.000,wall,march,last,on or after,sunday,undefined
hostId=s:Qnx-NPM6-0000-13E5-9C21
vmUuid=s:11e98b97-b656-1c50-0000-00000000bafd
brandId=s:vykon
sysInfo=o:bog 61[<?xml version="1.0"?>]
authAgentTypeSpecs=s:fox:FoxUsernamePasswordAuthAgent
};;
]]

local whole = [[
  fox.version: 1.0.1
  hostName: ahu-roof
  hostAddress: 192.0.2.1
  app.name: Station
  app.version: 3.8.111
  vm.name: Java HotSpot(TM) Embedded Client VM
  vm.version: 25.0-b70
  os.name: QNX
  os.version: 6.5.0
  timeZone: Europe/Berlin
  hostId: Qnx-NPM6-0000-13E5-9C21
  vmUuid: 11e98b97-b656-1c50-0000-00000000bafd
  brandId: vykon]]

test("a station tells what it is", function()
  fake.servers["tcp:1911"] = fake.replies(nil, { answer }, true)
  check.equal(script.run("fox-info", port), whole)
  local stored = fake.stored(1911).version
  check.equal(stored.name, "fox")
  check.equal(stored.version, "3.8.111")
end)

test("a station behind TLS does, too, and is asked in no other way", function()
  fake.servers["ssl:4911"] = fake.replies(nil, { answer }, true)
  fake.servers["tcp:4911"] = function()
    error("asked in plain text")
  end
  check.equal(script.run("fox-info", { number = 4911, service = "foxs" }), whole)
end)

test("an answer in pieces is read to its end, and not waited for after it", function()
  fake.servers["tcp:1911"] = function(peer)
    check.equal(peer:recv(), "fox a 1 -1 fox hello\n{\nfox.version=s:1.0\nid=i:1\n};;\n")
    for at = 1, #answer, 100 do
      peer:send(answer:sub(at, at + 99))
    end
    check.equal(peer:recv(), nil)
  end
  check.equal(script.run("fox-info", port), whole)
end)

test("what was told before an answer broke off counts", function()
  fake.servers["tcp:1911"] = fake.replies(nil, { answer:sub(1, 80) })
  local _, data = script.run("fox-info", port)
  check.same(data, { ["fox.version"] = "1.0.1", hostName = "ahu-roof" })
end)

test("another service, an empty hello, and our own words have none", function()
  for _, reply in ipairs({ "HTTP/1.0 400 Bad Request\r\n\r\n", "fox a 0 -1 fox hello\n{\n};;\n",
    "fox a 0 -1 fox rejected\n{\nhostName=s:x\n};;\n", "SSH-2.0-x\r\n" }) do
    fake.servers["tcp:1911"] = fake.replies(nil, { reply })
    check.equal(script.run("fox-info", port), nil)
  end
end)

test("a hello without end is read so far and no further", function()
  local sent = 0
  fake.servers["tcp:1911"] = function(peer)
    peer:recv()
    peer:send("fox a 0 -1 fox hello\n{\n")
    while not peer.client_closed do
      peer:send("hostName=s:" .. ("x"):rep(2000))
      sent = sent + 1
      coroutine.yield()
    end
  end
  check.quick(script.run, "fox-info", port)
  check.truthy(sent < 100)
end)
