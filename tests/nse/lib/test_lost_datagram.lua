-- One lost datagram changes no result: scripts that ask over UDP ask again.
local test, check, fake = ...
local script, hex = require "support.script", require("stdnse").fromhex

-- Answers each request with answer(request).
local function server(answer)
  return function(peer)
    local request = peer:recv()
    while request do
      peer:send(answer(request))
      request = peer:recv()
    end
  end
end

local function fixed(text)
  return function()
    return text
  end
end

local function avp(kind, value)
  return string.pack(">I2I2I2", 0x8000 | #value + 6, 0, kind) .. value
end
local tunnel = avp(0, "\0\2") .. avp(7, "vpn.example.com") .. avp(9, "\x12\x34")

local function stun(request)
  local software = "\x80\x22\0\6Coturn\0\0"
  local address = "\0\1\0\8\0\1\xc5\x6c\xc0\0\2\2"
  return "\1\1" .. string.pack(">I2", #software + #address) .. request:sub(5, 20) .. address .. software
end

-- Script, port, what the server answers.
local cases = {
  { "ipmi-version", 623,
    fixed(hex "0600ff0700000000000000000010811c6320003800019706030000000007") },
  { "knx-gateway-info", 3671, fixed(hex("0610020400463601020011010000000000000000e000170c0017889900246c616200"
    .. "00000000000000000000000000000000000000000000000000000a020201030104010501")) },
  { "l2tp-info", 1701, fixed(string.pack(">I2I2I2I2I2I2", 0xc802, 12 + #tunnel, 1, 0, 0, 1) .. tunnel) },
  { "nat-pmp-info", 5351, fixed("\0\x80\0\0\0\0\1\x2c\xc0\0\2\x0d") },
  { "openvpn-info", 1194, function(request)
    return hex "40c2d4a92394cd2ba10100000000" .. request:sub(2, 9) .. "\0\0\0\0"
  end },
  { "rip-info", 520, function(request)
    -- a router that knows version 2 only
    return request:byte(2) == 2 and "\2\2\0\0" .. string.pack(">I2I2c4I4c4I4", 2, 0, "\xc0\0\2\0",
      0xffffff00, "\0\0\0\0", 1) or "none"
  end },
  { "sip-methods", 5060, function(request)
    return "SIP/2.0 200 OK\r\nAllow: INVITE\r\n" .. request:match("Call%-ID: [^\r]*\r\n")
      .. "Content-Length: 0\r\n\r\n"
  end },
  { "snmp-info", 161, fixed(script.recorded("snmp-info")[1][1][2]) },
  { "stun-info", 3478, stun },
  { "tftp-version", 69, fixed("\0\5\0\1File not found\0") },
  { "xdmcp-discover", 177, fixed(hex("0001000500240000000d6465736b2e6c61622e74657374001157696c6c696e67"
    .. "20746f206d616e616765")) },
  { "enip-info", 44818, fixed("c\0\50\0" .. ("\0"):rep(20) .. "\1\0\12\0\50\0\1\0" .. ("\0"):rep(16)
    .. string.pack("<I2I2I2BBI2I4s1B", 1, 14, 54, 20, 11, 0, 0x1234, "1756", 3) .. ("\0"):rep(8)) },
  { "omron-info", 9600, function(request)
    return "\xc0\0\2\0" .. request:sub(8, 8) .. "\0\0\0\0" .. request:sub(10, 12) .. "\0\0"
      .. ("CS1G-CPU43"):rep(8) .. ("\0"):rep(12)
  end },
}

local function result_of(case, lost)
  fake.reset()
  local serve = server(case[3])
  fake.servers["udp:" .. case[2]] = lost > 0 and script.lossy(serve, function()
    return "any"
  end, lost) or serve
  return script.run(case[1], { number = case[2], protocol = "udp", service = "-" })
end

for _, case in ipairs(cases) do
  test(case[1] .. ": a lost datagram changes nothing", function()
    local whole = result_of(case, 0)
    check.truthy(whole)
    check.equal(result_of(case, 1), whole)
  end)
end
