-- rdp-enum-encryption on exchanges recorded from xrdp 0.9.21, and in the form of Windows.
local test, check, fake = ...
local script = require "support.script"
local stdnse = require "stdnse"
local port = { number = 3389, service = "ms-wbt-server" }

local function confirm(kind, value)
  return "\3\0\0\x13\x0e\xd0\0\0\x12\x34\0" .. string.pack("<BBI2I4", kind, 1, 8, value)
end

local function connect_response(version, method, level)
  local data = string.pack("<I2I2I4I4I2I2I4I2I2I4I4", 0x0c01, 12, version, 0, 0x0c03, 8, 1003,
    0x0c02, 12, method, level)
  local user_data = stdnse.fromhex("000500147c00012a14760a01010001c0004d63446e")
    .. string.char(#data) .. data
  local content = stdnse.fromhex("0a0100 020100 301a 020116 020103 020100 020101 020100 020101"
    .. "020300fff8 020102") .. string.pack(">BBI2", 4, 0x82, #user_data) .. user_data
  local x224 = stdnse.fromhex("02f080 7f66") .. string.pack(">BI2", 0x82, #content) .. content
  return string.pack(">BBI2", 3, 0, #x224 + 4) .. x224
end

-- A server that answers requests for protocols, and then offers of methods, from tables.
local function serve(confirms, responses)
  fake.servers["tcp:3389"] = function(peer)
    local request = peer:recv()
    if not request or #request ~= 19 then
      return
    end
    peer:send(confirms[string.unpack("<I4", request, 16)] or confirms.other)
    request = peer:recv()
    local at = request and request:find("\2\xc0\12\0", 1, true)
    local response = at and responses[string.unpack("<I4", request, at + 4)]
    if response then
      peer:send(response)
    end
  end
end

local high = connect_response(0x00080004, 2, 3)

test("layers, methods, level and version are shown", function()
  script.replay("rdp-enum-encryption")
  local text, data = script.run("rdp-enum-encryption", port)
  check.equal(text, [[
  Security layer
    Native RDP: SUCCESS
    SSL: SUCCESS
  RDP Encryption level: High
    128-bit RC4: SUCCESS
  RDP Protocol Version:  RDP 5.x, 6.x, 7.x, or 8.x server
]])
  check.equal(data["Native RDP accepted"], true)
end)

test("a server that wants CredSSP shows no encryption of its own", function()
  serve({ [3] = confirm(2, 2), [11] = confirm(2, 8), other = confirm(3, 5) }, {})
  local text, data = script.run("rdp-enum-encryption", port)
  check.equal(text, [[
  Security layer
    CredSSP (NLA): SUCCESS
    CredSSP with Early User Auth: SUCCESS
]])
  check.equal(data["Native RDP accepted"], nil)
end)

test("FreeRDP's shadow takes nothing but CredSSP", function()
  script.replay("rdp-nla")
  check.equal(script.run("rdp-enum-encryption", port),
    "  Security layer\n    CredSSP (NLA): SUCCESS\n")
end)

test("a server that wants TLS tells its version there", function()
  serve({ [0] = confirm(3, 1), other = confirm(2, 1) }, {})
  local asked
  fake.servers["starttls:3389"] = function(peer)
    asked = peer:recv()
    peer:send(connect_response(0x0008000c, 0, 0))
  end
  local _, data = script.run("rdp-enum-encryption", port)
  check.equal(data["RDP Protocol Version"], "RDP 10.7 server")
  check.same(data["Security layer"], { SSL = "SUCCESS" })
  check.truthy(asked:find("\2\xc0\12\0\0\0\0\0", 1, true), "no encryption of its own")
end)

test("a question that is lost once is asked again, silence for good is an error", function()
  local function start()
    serve({ [0] = confirm(2, 0), [1] = confirm(2, 1), other = confirm(3, 5) }, { [2] = high })
  end
  start()
  local whole, data = script.run("rdp-enum-encryption", port)
  check.same(data["Security layer"], { ["Native RDP"] = "SUCCESS", SSL = "SUCCESS" })
  for lost = 2, 9 do
    for _, how in ipairs({ "hang", "end" }) do
      start()
      script.losing("tcp:3389", lost, lost, how)
      check.equal(script.run("rdp-enum-encryption", port), whole)
    end
    start()
    script.losing("tcp:3389", lost, 1000, "hang")
    check.throws("no longer answers", script.run, "rdp-enum-encryption", port)
  end
  start()
  script.losing("tcp:3389", 1, 1000, "hang")
  check.equal(script.run("rdp-enum-encryption", port), nil)
end)

test("a method that is refused with silence each time is none", function()
  fake.servers["tcp:3389"] = function(peer)
    peer:recv()
    peer:send(confirm(2, 0))
    local request = peer:recv()
    if request and request:find("\2\xc0\12\0\2\0", 1, true) then
      peer:send(high)
    end
    peer:hang()
  end
  check.contains(script.run("rdp-enum-encryption", port),
    "RDP Encryption level: High\n    128-bit RC4: SUCCESS\n  RDP")
end)

test("another server, and garbage, have none", function()
  fake.servers["tcp:3389"] = fake.replies("220 ftp\r\n")
  check.equal(script.run("rdp-enum-encryption", port), nil)
  for _ = 1, 300 do
    serve({ other = fake.mutated(confirm(2, 0)), [0] = confirm(2, 0) },
      { fake.mutated(high), [2] = fake.mutated(high) })
    script.run("rdp-enum-encryption", port)
  end
end)

test("answers have the PDU around them, and what they tell of encryption", function()
  local rdp = require "rdp"
  serve({ [0] = confirm(2, 0) }, { [2] = high })
  local comm = rdp.Comm:new({ ip = "192.0.2.1" }, port)
  comm:connect()
  local status, answer = comm:exch(rdp.Request.ConnectionRequest:new(0))
  check.equal(status and answer.itut.code, 0xd0)
  check.equal(answer.itut.data:byte(), 2)
  status, answer = comm:exch(rdp.Request.MCSConnectInitial:new(2, 0))
  check.equal(status and answer.itut.code, 0xf0)
  check.same(answer.ccr, { enc_cipher = 2, enc_level = 3,
    proto_version = "RDP Protocol Version:  RDP 5.x, 6.x, 7.x, or 8.x server" })
  check.equal(#tostring(rdp.Request.ConnectionRequest:new(nil)), 11)
end)
