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
