-- The library dnp3: checksums, frames, attributes.
local test, check = ...
local dnp3, stdnse = require "dnp3", require "stdnse"

test("the checksum is CRC-16/DNP", function()
  check.equal(dnp3.crc("123456789"), 0xea82)
  check.equal(stdnse.tohex(dnp3.frame(0xc0, 1, 1024)), "056405c001000004e921")
end)

test("a frame of any length is read as it was made", function()
  for length = 0, 250 do
    local data = ("\5\x64ab"):rep(63):sub(1, length)
    local bytes = "\5" .. dnp3.frame(0x44, 1, 10, data)
    local frame, after = dnp3.next_frame(bytes, 1)
    check.same(frame, { control = 0x44, destination = 1, source = 10, data = data })
    check.equal(after, #bytes + 1)
    check.equal(dnp3.next_frame(bytes:sub(1, -2), 1), nil)
  end
end)

test("a byte that is wrong anywhere is found", function()
  local bytes = dnp3.frame(0x44, 1, 10, ("x"):rep(40))
  for at = 1, #bytes do
    local wrong = bytes:sub(1, at - 1) .. string.char(bytes:byte(at) ~ 0x10) .. bytes:sub(at + 1)
    check.equal(dnp3.next_frame(wrong, 1), nil)
  end
end)

test("attributes are read as far as they go", function()
  local function attribute(variation, kind, value)
    return string.pack("BBBBBBs1", 0, variation, 0, 0, 0, kind, value)
  end
  local objects = attribute(252, 1, "Lab") .. attribute(218, 2, "\x0a") .. attribute(250, 1, "RTU 32")
  check.same(dnp3.attributes(objects), { [252] = "Lab", [250] = "RTU 32" })
  check.same(dnp3.attributes(objects:sub(1, -2)), { [252] = "Lab" })
  check.same(dnp3.attributes("\1" .. objects), {})
  check.same(dnp3.attributes(""), {})
end)
