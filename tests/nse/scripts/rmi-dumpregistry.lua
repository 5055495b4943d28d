-- rmi-dumpregistry on what OpenJDK 17 answered, and on serialized objects that lie.
local test, check, fake = ...
local script = require "support.script"
local jrmp = require "jrmp"
local port = { number = 1099, service = "rmiregistry" }

test("names are shown with what stands behind them", function()
  script.replay("rmi-dumpregistry")
  local text, data = script.run("rmi-dumpregistry", port)
  check.equal(text, [[
  lab/hello: 
    Interfaces: Hi
    Classes: java.lang.reflect.Proxy, java.rmi.server.RemoteObject, java.rmi.server.RemoteObjectInvocationHandler
    Address: 127.0.0.1
    Port: 1100]])
  check.equal(data["lab/hello"].Port, 1100)
  check.equal(fake.stored(1099).version.product, "Java RMI registry")
end)

-- A server that agrees on the protocol and answers a call.
local function registry(answer)
  fake.servers["tcp:1099"] = function(peer)
    peer:recv()
    peer:send("N\0\0011\0\0\0\1")
    check.equal(peer:recv(), "\0\0011\0\0\0\0")
    peer:recv()
    peer:send(answer)
  end
end

test("a web server, and a registry that refuses, are none", function()
  fake.servers["tcp:1099"] = script.server({ { "", "HTTP/1.1 400 Bad Request\r\n\r\n" } })
  check.equal(script.run("rmi-dumpregistry", port), nil)
  registry("Q\xac\xed\0\5w\15\2" .. ("\0"):rep(14) .. "p")
  check.equal(script.run("rmi-dumpregistry", port), nil)
end)

local head = "Q\xac\xed\0\5w\15\1" .. ("\0"):rep(14)
local list = head .. "ur\0\1[" .. ("\0"):rep(8) .. "\2\0\0xp"

test("an empty registry is told as such", function()
  registry(list .. "\0\0\0\0")
  check.equal(script.run("rmi-dumpregistry", port), "The registry is empty")
end)

test("answers come in pieces, and are short until they are whole", function()
  local answer = list .. "\0\0\0\1t\0\2ab"
  for i = 0, #answer - 1 do
    check.fails(jrmp.parse_return(answer:sub(1, i)), "short")
  end
  local result, length = jrmp.parse_return(answer .. "more")
  check.equal(result.value.items[1].text, "ab")
  check.equal(length, #answer)
end)

test("objects without end, in circles, and lengths that lie are refused", function()
  for _, body in ipairs({ ("s"):rep(1000), "q\0\x7e\0\0", "t\0\xff", "ur\0\1[" .. ("\0"):rep(8)
    .. "\2\0\0xp\xff\xff\xff\xff", "z\xff\xff\xff\xff", "\1",
    "r\0\1a" .. ("\0"):rep(8) .. "\2\0\0xq\0\x7e\0\0",
    "sr\0\1a" .. ("\0"):rep(8) .. "\2\0\0xq\0\x7e\0\0" }) do
    check.quick(function()
      local result = jrmp.parse_return(head .. body)
      check.same(jrmp.describe(result and result.value).interfaces, {})
    end)
  end
end)

test("scripts for rmi get what is bound as lines, with the fields that hold it", function()
  local rmi = require "rmi"
  script.replay("rmi-dumpregistry")
  local registry = rmi.Registry:new(script.host(), script.port(port))
  local status, array = registry:list()
  check.equal(status, true)
  check.same(array:getValues(), { "lab/hello" })
  local object
  status, object = registry:lookup("lab/hello")
  check.equal(status, true)
  check.same(object:toTable(), { " implements Hi, ", "extends", { "java.lang.reflect.Proxy", "fields",
    { { "Ljava/lang/reflect/InvocationHandler; h", { "java.rmi.server.RemoteObjectInvocationHandler",
      "@127.0.0.1:1100", "extends", { "java.rmi.server.RemoteObject" } } } } } })
end)

-- An object whose two fields hold the object itself.
test("a name whose object gets no answer is an error", function()
  fake.servers["tcp:1099"] = function(peer)
    peer:recv()
    peer:send("N\0\0011\0\0\0\1")
    peer:recv()
    peer:recv()
    peer:send(list .. string.pack(">i4", 1) .. "t" .. string.pack(">s2", "lab"))
    peer:hang()
  end
  check.throws("no answer", script.run, "rmi-dumpregistry", port)
end)

local circle = "sr\0\4Ring" .. ("\0"):rep(8) .. "\2\0\2L\0\1at\0\6LRing;L\0\1bq\0\x7e\0\1xp"
  .. ("q\0\x7e\0\2"):rep(2)

test("objects in circles are told once", function()
  check.quick(function()
    local result = jrmp.parse_return(head .. circle)
    check.same(jrmp.describe(result.value), { interfaces = {}, classes = { "Ring" } })
  end)
  registry(head .. circle)
  local _, object = require("rmi").Registry:new(script.host(), script.port(port)):lookup("x")
  check.quick(function()
    check.same(object:toTable(), { "Ring", "fields",
      { { "LRing; a", { "Ring" } }, { "LRing; b", { "Ring" } } } })
  end)
end)

test("what describes an object has a limit", function()
  local class = "r\0\4Ring" .. ("\0"):rep(8) .. "\2\0\1L\0\1at\0\6LRing;xp"
  local array = "ur\0\2[R" .. ("\0"):rep(8) .. "\2\0\0xp" .. string.pack(">i4", 2000)
  local result = jrmp.parse_return(head .. array .. "s" .. class .. "p"
    .. ("sq\0\x7e\0\2p"):rep(1999))
  local object = { class = result.value.items[1].class, blocks = {}, parts = result.value.items }
  check.equal(#jrmp.describe(object).classes, 256)
end)

-- An object of a class that says where it can be had (Java Object Serialization Specification 6.4.2).
test("where a class can be had is given to who formats it", function()
  local rmi = require "rmi"
  registry(head .. "sr\0\4Stub" .. ("\0"):rep(8) .. "\2\0\0t\0\12file:/a.jar;xp")
  local there = rmi.Registry:new(script.host(), script.port(port))
  local status, object = there:lookup("x")
  check.equal(status, true)
  check.same(object:toTable(), { "Stub" })
  rmi.JavaClass.customDataFormatter = function(name, texts)
    return name .. " from", texts
  end
  check.same(object:toTable(), { "Stub", "Stub from", { "file:/a.jar;" } })
  rmi.JavaClass.customDataFormatter = nil
end)

test("a call made by hand is answered byte by byte", function()
  local rmi = require "rmi"
  registry("Q\xac\xedrest")
  local there = rmi.Registry:new(script.host(), script.port(port))
  check.equal(there:_handshake(), true)
  local arguments = rmi.Arguments:new()
  arguments:addRaw("u")
  there.out:writeMethodCall(there.out, 2, "f6b6898d8bf28643", 0, arguments)
  check.same({ there.out.dis:readByte() }, { true, 0x51 })
  there.out.dis:canRead(256)
  check.equal(there.out.dis.bReader.readBuffer, "\xac\xedrest")
end)

test("a registry that is none fails", function()
  local rmi = require "rmi"
  fake.servers["tcp:1099"] = script.server({ { "", "HTTP/1.1 400 Bad Request\r\n\r\n" } })
  check.fails(rmi.Registry:new(script.host(), script.port(port)):list())
end)
