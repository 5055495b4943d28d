-- pcworx-info on messages as they are seen on the wire.
local test, check, fake = ...
local script, stdnse = require "support.script", require "stdnse"
local port = { number = 1962, service = "pcworx" }

-- A message of `length` bytes with texts at their places (from 1).
local function message(kind, length, texts)
  local bytes = "\x81" .. string.char(kind) .. string.pack(">I2", length) .. ("\0"):rep(length - 4)
  for at, text in pairs(texts) do
    bytes = bytes:sub(1, at - 1) .. text .. bytes:sub(at + #text)
  end
  return bytes
end

local opened = message(1, 20, { [18] = "\x24" })
local identity = message(6, 180, { [31] = "AXC 1050", [67] = "5.01", [80] = "Jun 14 2017",
  [92] = "11:20:35", [153] = "2700988" })

local function serve(answers)
  local requests = {}
  fake.servers["tcp:1962"] = function(peer)
    for i = 1, 3 do
      requests[i] = peer:recv()
      if not requests[i] then
        return
      elseif not answers[i] then
        peer:hang()
      end
      peer:send(answers[i])
    end
    peer:hang()
  end
  return requests
end

local whole = [[
  PLC Type: AXC 1050
  Model Number: 2700988
  Firmware Version: 5.01
  Firmware Date: Jun 14 2017
  Firmware Time: 11:20:35]]

test("a controller tells what it is", function()
  local requests = serve({ opened, message(5, 22, {}), identity })
  check.equal(script.run("pcworx-info", port), whole)
  check.equal(stdnse.tohex(requests[1]), "0101001a0000000078800003000c494245544830314e305f4d00")
  check.equal(stdnse.tohex(requests[2]), "01050016000100007880002400000006000402950000")
  check.equal(stdnse.tohex(requests[3]), "0106000e00020000000000240400")
  check.equal(fake.stored(1962).version.product, "Phoenix Contact AXC 1050")
end)

test("an answer in pieces is read whole", function()
  fake.servers["tcp:1962"] = function(peer)
    for _, answer in ipairs({ opened, message(5, 22, {}), identity }) do
      peer:recv()
      for at = 1, #answer, 3 do
        peer:send(answer:sub(at, at + 2))
      end
    end
    peer:hang()
  end
  check.equal(script.run("pcworx-info", port), whole)
end)

test("one that falls silent after its first answer is an error", function()
  serve({ opened })
  check.throws("no answer", script.run, "pcworx-info", port)
  serve({ opened, message(5, 22, {}) })
  check.throws("no answer", script.run, "pcworx-info", port)
end)

test("a cut answer is read as far as it goes", function()
  serve({ opened, message(5, 22, {}), identity:sub(1, 100) })
  local _, data = script.run("pcworx-info", port)
  check.same(data, { ["PLC Type"] = "AXC 1050", ["Firmware Version"] = "5.01",
    ["Firmware Date"] = "Jun 14 2017", ["Firmware Time"] = "11:20:35" })
  serve({ opened, message(5, 22, {}), identity:sub(1, 20) })
  check.equal(script.run("pcworx-info", port), nil)
end)

test("another service, a refusal, and hostile lengths have none", function()
  for _, reply in ipairs({ "HTTP/1.0 400 Bad Request\r\n\r\n", "\x81\1\xff\xff", "\x81", "\1\1\0\x1a\0\0\0\0",
    message(1, 10, {}) }) do
    serve({ reply })
    check.equal(script.run("pcworx-info", port), nil)
  end
end)
