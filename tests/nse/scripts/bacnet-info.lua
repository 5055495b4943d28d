-- bacnet-info on recorded exchanges.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 47808, service = "bacnet", protocol = "udp" }

local function acknowledged(property, value)
  local apdu = "\x30\1\x0c\x0c\2\3\xf7\xa1\x19" .. string.char(property) .. "\x3e" .. value
    .. "\x3f"
  return string.pack(">BBI2", 0x81, 0x0a, #apdu + 6) .. "\1\0" .. apdu
end

local function text(s)
  return "\x75" .. string.char(#s + 1) .. "\0" .. s
end

local values = { [120] = "\x22\1\4", [121] = text("BACnet Stack at SourceForge"),
  [75] = "\xc4\2\3\xf7\xa1", [44] = text("0.8.2"), [77] = text("SimpleServer"),
  [70] = text("GNU"), [58] = text("USA") }

test("a device tells what it is", function()
  fake.servers["udp:47808"] = function(peer)
    local request = peer:recv()
    while request do
      local property = request:byte(17)
      peer:send(values[property] and acknowledged(property, values[property])
        or "\x81\x0a\0\x0d\1\0\x50\1\x0c\x91\2\x91\x20")
      request = peer:recv()
    end
  end
  check.equal(script.run("bacnet-info", port), [[
  Vendor ID: BACnet Stack at SourceForge (260)
  Vendor Name: BACnet Stack at SourceForge
  Object-identifier: 260001
  Firmware: 0.8.2
  Object Name: SimpleServer
  Model Name: GNU
  Location: USA]])
end)

test("silence, and garbage, give none", function()
  fake.servers["udp:47808"] = function(peer)
    peer:recv()
    peer:hang()
  end
  check.equal(script.run("bacnet-info", port), nil)
  for _ = 1, 300 do
    fake.servers["udp:47808"] = function(peer)
      while peer:recv() do
        peer:send(fake.mutated(acknowledged(77, text("SimpleServer"))))
      end
    end
    script.run("bacnet-info", port)
  end
end)
