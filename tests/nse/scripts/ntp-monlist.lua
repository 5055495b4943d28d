-- ntp-monlist on answers as ntpd's ntp_request.h has them, and on servers that refuse.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 123, service = "ntp", protocol = "udp" }

local function item(address, six)
  return ("\0"):rep(16) .. (six and "\0\0\0\0" or address) .. ("\0"):rep(12)
    .. string.pack(">I4I4", six and 1 or 0, 0) .. (six or ("\0"):rep(16)) .. ("\0"):rep(16)
end

local function answer(more, items)
  return string.pack(">BBBBI2I2", more and 0xd7 or 0x97, 0, 3, 42, #items, 72)
    .. table.concat(items)
end

test("the clients of all answers are shown, once", function()
  fake.servers["udp:123"] = function(peer)
    check.equal(peer:recv():sub(1, 4), "\x17\0\3\x2a")
    peer:send(answer(true, { item("\10\1\2\3"), item("\8\8\8\8") }))
    peer:send(answer(false, { item("\8\8\8\8"), item("", "\x20\1\x0d\xb9" .. ("\0"):rep(11)
      .. "\1") }))
    peer:hang()
  end
  local text, data = script.run("ntp-monlist", port)
  check.equal(text, [[
  Private Clients (1)
    10.1.2.3
  Public Clients (2)
    8.8.8.8  2001:db9::1
]])
  check.same(data, { private_clients = { "10.1.2.3" }, public_clients = { "8.8.8.8",
    "2001:db9::1" } })
end)

test("errors, answers of other modes, lies about lengths and silence give none or nothing", function()
  for _, reply in ipairs({ "\x97\0\3\x2a\x40\0\0\0", "\x1c\1\0\0" .. ("\0"):rep(44), "\x97", false }) do
    fake.servers["udp:123"] = script.server({ { "", reply } })
    check.equal(script.run("ntp-monlist", port), nil)
  end
  fake.servers["udp:123"] = script.server({ { "", "\x97\0\3\x2a\x0f\xff\x0f\xff" } })
  local _, data = script.run("ntp-monlist", port)
  check.same(data, { private_clients = {}, public_clients = {} })
end)
