-- omron-info on frames as Omron's manuals W342 and W421 describe them.
local test, check, fake = ...
local script, stdnse = require "support.script", require "stdnse"
local udp = { number = 9600, service = "omron-fins", protocol = "udp" }
local tcp = { number = 9600, service = "omron-fins" }

local data = "CS1G-CPU43          " .. "04.10" .. ("\0"):rep(15) .. ("\0"):rep(40)
  .. string.pack(">I2BI2BBI2BI2", 20, 23, 65535, 8, 1, 0, 0, 0)

-- The frame with which a controller answers a command.
local function answer_to(command, code, body)
  return "\xc0\0\2\0" .. command:sub(8, 8) .. "\0\0" .. command:sub(5, 5) .. "\0" .. command:sub(10, 10)
    .. "\5\1" .. string.pack(">I2", code) .. body
end

local function wrapped(kind, code, body)
  return string.pack(">c4I4I4I4", "FINS", #body + 8, kind, code) .. body
end

local function serve_udp(change)
  fake.servers["udp:9600"] = function(peer)
    for command in function() return peer:recv() end do
      check.equal(stdnse.tohex(command), "80000200000000" .. "01" .. "00" .. "4d" .. "050100")
      for _, answer in ipairs(change(answer_to(command, 0, data), command)) do
        peer:send(answer)
      end
    end
  end
end

local function serve_tcp(joined, change)
  fake.servers["tcp:9600"] = function(peer)
    check.equal(peer:recv(), wrapped(0, 0, "\0\0\0\0"))
    peer:send(joined or wrapped(1, 0, "\0\0\0\x63\0\0\0\x1e"))
    local request = peer:recv()
    if not request then
      return
    end
    check.equal(stdnse.tohex(request:sub(17)), "800002001e000063004d050100")
    local answer = change(wrapped(2, 0, answer_to(request:sub(17), 0, data)))
    if not answer then
      peer:hang()
    end
    peer:send(answer)
  end
end

local whole = [[
  Response Code: Normal completion (0x0000)
  Controller Model: CS1G-CPU43
  Controller Version: 04.10
  Program Area Size: 20
  IOM size: 23
  No. DM Words: 65535
  Timer/Counter: 8
  Expansion DM Size: 1
  No. of steps/transitions: 0
  Kind of Memory Card: No Memory Card
  Memory Card Size: 0]]

test("a controller tells what it is over UDP", function()
  serve_udp(function(answer)
    return { answer }
  end)
  check.equal(script.run("omron-info", udp), whole)
  check.equal(fake.stored(9600).version.product, "Omron CS1G-CPU43")
end)

test("and over TCP, with the node addresses that it gave", function()
  serve_tcp(nil, function(answer)
    return answer
  end)
  check.equal(script.run("omron-info", tcp), whole)
  fake.reset()
  -- in pieces
  serve_tcp(nil, function(answer)
    return answer
  end)
  local serve = fake.servers["tcp:9600"]
  fake.servers["tcp:9600"] = function(peer)
    serve(setmetatable({ send = function(_, bytes)
      for i = 1, #bytes do
        peer:send(bytes:sub(i, i))
      end
    end }, { __index = peer }))
  end
  check.equal(script.run("omron-info", tcp), whole)
end)

test("answers to others, and to another service id, are passed over", function()
  serve_udp(function(answer, command)
    local other = answer_to(command, 0x2108, "")
    return { "hello", other:sub(1, 9) .. "\1" .. other:sub(11), command .. "\0", "\x80" .. other:sub(2), answer }
  end)
  check.equal(script.run("omron-info", udp), whole)
end)

test("a unit that does not have the data says so, and is one", function()
  serve_udp(function(_, command)
    return { answer_to(command, 0x0401, "") }
  end)
  check.equal(script.run("omron-info", udp), "  Response Code: Error (0x0401)")
end)

test("an answer without the memories, and a short one, are read as far as they go", function()
  for length, keys in pairs({ [40] = 3, [80] = 3, [91] = 3, [10] = 1, [0] = 1 }) do
    serve_udp(function(_, command)
      return { answer_to(command, 0, data:sub(1, length)) }
    end)
    local _, got = script.run("omron-info", udp)
    local n = 0
    for _ in pairs(got) do
      n = n + 1
    end
    check.equal(n, keys, tostring(length))
  end
end)

test("a controller without a free connection is an error, and so is one that falls silent", function()
  serve_tcp(wrapped(1, 0x20, "\0\0\0\0\0\0\0\0"))
  check.throws("no answer", script.run, "omron-info", tcp)
  serve_tcp(nil, function()
    return nil
  end)
  check.throws("no answer", script.run, "omron-info", tcp)
end)

test("another service, hostile lengths, and an echo, have none", function()
  for _, reply in ipairs({ "HTTP/1.0 400 Bad Request\r\n\r\n", "FINS\xff\xff\xff\xff\0\0\0\1\0\0\0\0",
    "FINS\0\0\0\0\0\0\0\1\0\0\0\0", "FINS\0\0\0\8\0\0\0\1\0\0\0\0", wrapped(3, 3, "") }) do
    fake.servers["tcp:9600"] = fake.replies(nil, { reply })
    check.equal(script.run("omron-info", tcp), nil)
  end
  fake.servers["udp:9600"] = function(peer)
    for request in function() return peer:recv() end do
      peer:send(request)
    end
  end
  check.equal(script.run("omron-info", udp), nil)
end)
