-- modbus-discover on recorded exchanges.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 502, service = "modbus" }

-- Answers requests for the units given: unit -> { [function] = PDU }.
local function plc(units)
  return function(peer)
    local frame = peer:recv()
    while frame do
      local id, _, _, unit = string.unpack(">I2I2I2B", frame)
      local pdu = units[unit] and units[unit][frame:byte(8)] or "\x91\x0b"
      peer:send(string.pack(">I2I2I2B", id, 0, #pdu + 1, unit) .. pdu)
      frame = peer:recv()
    end
  end
end

test("the first unit that answers is shown, those that a gateway does not know are not", function()
  fake.servers["tcp:502"] = plc({ [2] = { [0x11] = "\x11\5\xb4\xffLMB",
    [0x2b] = "\x2b\x0e\1\1\0\0\2\0\9Schneider\1\3BMX" } })
  local text, data = script.run("modbus-discover", port)
  check.equal(text,
    "  sid 0x2: \n    Slave ID data: \\xB4\\xFFLMB\n    Device identification: Schneider BMX")
  check.equal(data["sid 0x2"]["Device identification"], "Schneider BMX")
end)

test("another server has none", function()
  fake.servers["tcp:502"] = fake.replies(nil, { "HTTP/1.0 400 Bad Request\r\n\r\n" })
  check.equal(script.run("modbus-discover", port), nil)
end)

test("garbage ends", function()
  fake.servers["tcp:502"] = fake.replies(nil, { "\0\1\0\0\xff\xff\1\x11\xff" })
  script.run("modbus-discover", port)
end)
