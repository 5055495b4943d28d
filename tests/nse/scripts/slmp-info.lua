-- slmp-info on frames of the specification of SLMP.
local test, check, fake = ...
local script, stdnse = require "support.script", require "stdnse"
local tcp = { number = 5007, service = "melsec-q" }
local udp = { number = 5006, service = "-", protocol = "udp" }

local function answer(code, data)
  return "\xd0\0\0\xff\xff\3\0" .. string.pack("<I2I2", #data + 2, code) .. data
end

local model = "Q26UDEHCPU      \x6c\2"

-- lost: as many questions get no answer.
local function serve(reply, lost)
  local n = 0
  local function server(peer)
    for request in function() return peer:recv() end do
      check.equal(stdnse.tohex(request), "500000ffff030006001000" .. "01010000")
      n = n + 1
      if n > (lost or 0) then
        peer:send(reply)
      end
    end
  end
  fake.servers["tcp:5007"], fake.servers["udp:5006"] = server, server
end

local whole = "  Model: Q26UDEHCPU\n  Model code: 0x026c"

test("a controller tells its model over TCP, and over UDP though a datagram is lost", function()
  serve(answer(0, model))
  check.equal(script.run("slmp-info", tcp), whole)
  check.equal(fake.stored(5007).version.product, "Mitsubishi Q26UDEHCPU")
  serve(answer(0, model), 1)
  check.equal(script.run("slmp-info", udp), whole)
end)

test("one that does not tell it says so, and is one", function()
  serve(answer(0xc059, "\0\xff\xff\3\0\1\1\0\0"))
  check.equal(script.run("slmp-info", tcp), "  End code: 0xc059")
end)

test("a cut answer is read as far as it goes", function()
  serve(answer(0, "FX5U"))
  check.equal(script.run("slmp-info", tcp), "  Model: FX5U")
  serve(answer(0, model):sub(1, 20))
  check.equal(script.run("slmp-info", tcp), "  Model: Q26UDEHCP")
  serve(answer(0, model:sub(1, 17)))
  check.equal(script.run("slmp-info", tcp), "  Model: Q26UDEHCPU")
end)

test("what the port is known to be otherwise is left alone", function()
  local _, _, rule = script.run("slmp-info", { number = 5006, service = "http",
    version = { name = "http", name_confidence = 10 } })
  check.falsy(rule)
end)

test("what stands behind the answer's length is not read", function()
  serve(answer(0, "FX5U") .. model)
  check.equal(script.run("slmp-info", tcp), "  Model: FX5U")
end)

test("an echo, another service, another station, empty and hostile lengths have none", function()
  for _, reply in ipairs({ "\x50\0\0\xff\xff\3\0\6\0\x10\0\1\1\0\0", "HTTP/1.0 400 Bad Request\r\n\r\n",
    "\xd0\0\1\xff\xff\3\0\x14\0\0\0" .. model, "\xd0\0\0\xff\xff\3\0\0\0\0\0" .. model, answer(0, ""),
    answer(0, model):sub(1, 10), "\xd0", answer(0, ("\0"):rep(16)) }) do
    for _, port in ipairs({ tcp, udp }) do
      serve(reply)
      check.equal(script.run("slmp-info", port), nil)
    end
  end
end)
