-- openvpn-info on exchanges with OpenVPN over UDP and TCP, and on others.
local test, check, fake = ...
local script, hex = require "support.script", require("stdnse").fromhex

local function server(answer)
  return function(peer)
    local request = peer:recv()
    while request do
      peer:send(answer(request))
      request = peer:recv()
    end
  end
end

local shown = "  Control channel: open (no tls-auth or tls-crypt)"

test("a reset in answer is shown", function()
  fake.servers["udp:1194"] = server(function(request)
    check.equal(request:sub(10), "\0\0\0\0\0")
    return hex "40c2d4a92394cd2ba10100000000" .. request:sub(2, 9) .. "\0\0\0\0"
  end)
  check.equal(script.run("openvpn-info", { number = 1194, protocol = "udp" }), shown)
end)

test("over TCP with lengths; a server that is busy acknowledges alone", function()
  fake.servers["tcp:1194"] = server(function(request)
    check.equal(request:sub(1, 3), "\0\x0e\x38")
    return "\0\x16" .. hex "28c2d4a92394cd2ba10100000000" .. request:sub(4, 11)
  end)
  check.equal(script.run("openvpn-info", { number = 1194, protocol = "tcp" }), shown)
end)

test("answers to others, echoes and silence give none", function()
  for _, answer in ipairs({ hex "40c2d4a92394cd2ba1010000000001020304050607080000000000", "\x40",
    false }) do
    fake.servers["udp:1194"] = script.server({ { "", answer } })
    check.equal(script.run("openvpn-info", { number = 1194, protocol = "udp" }), nil)
  end
  fake.servers["udp:1194"] = server(function(request)
    return request
  end)
  check.equal(script.run("openvpn-info", { number = 1194, protocol = "udp" }), nil)
end)
