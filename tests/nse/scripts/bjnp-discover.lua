-- bjnp-discover on exchanges as the drivers of SANE and CUPS describe them, and on others.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 8611, service = "canon-bjnp1", protocol = "udp" }
local id = "MFG:Canon;CMD:BJL,BJRaster3;SOJ:CHMP;MDL:TS5350 series;CLS:PRINTER;DES:Canon TS5350 series;"
  .. "VER:2.030;STA:10;FSI:03;SN:ABCD12345;"

local function answer(request, payload)
  return "BJNP" .. string.char(request:byte(5) | 0x80) .. request:sub(6, 12)
    .. string.pack(">s4", payload)
end

local function printer(peer)
  local request = peer:recv()
  while request do
    check.equal(#request, 16)
    if request:byte(6) == 0x30 then
      peer:send(answer(request, string.pack(">s2", id)))
    else
      peer:send(answer(request, "\0\1\8\0\6\4\0\x1e\x8f\1\2\3\xc0\0\2\1"))
    end
    request = peer:recv()
  end
end

test("maker, model, firmware, serial number and address are shown", function()
  fake.servers["udp:8611"] = printer
  check.equal(script.run("bjnp-discover", port), [[
  Manufacturer: Canon
  Model: TS5350 series
  Description: Canon TS5350 series
  Class: PRINTER
  Firmware version: 2.030
  Serial: ABCD12345
  Command: BJL,BJRaster3
  MAC address: 00:1e:8f:01:02:03]])
end)

test("a lost datagram is no change", function()
  for lost = 1, 2 do
    fake.servers["udp:8611"] = script.lossy(printer, function(request)
      return request:byte(6)
    end, lost)
    local _, data = script.run("bjnp-discover", port)
    check.equal(data and data["MAC address"], "00:1e:8f:01:02:03")
  end
end)

test("a device without an answer to one question has no address, one that fell silent no result",
  function()
    fake.servers["udp:8611"] = script.lossy(printer, function(request)
      return request:byte(6)
    end, { 100 })
    local _, data = script.run("bjnp-discover", port)
    check.equal(data.Serial, "ABCD12345")
    check.equal(data["MAC address"], nil)
    local n = 0
    fake.servers["udp:8611"] = script.lossy(printer, function()
      n = n + 1
      return n > 1
    end, { [true] = 100 })
    check.throws("no answer", script.run, "bjnp-discover", port)
  end)

test("requests, empty identities, cut answers and silence give none", function()
  for _, reply in ipairs({ "BJNP\1\x30\0\0\0\1\0\0\0\0\0\0", "BJNP\x81\x30\0\0\0\1\0\0\0\0\0\2\0\0",
    "BJNP\x81\x30\0\0\0\1\0\0\xff\xff\xff\xff", false }) do
    fake.servers["udp:8611"] = script.server({ { "", reply } })
    check.equal(script.run("bjnp-discover", port), nil)
  end
end)

test("an identity of one long word is read at once", function()
  local text = ("A"):rep(60000)
  check.quick(require("bjnp").parse_identity, string.pack(">s2", text))
end)
