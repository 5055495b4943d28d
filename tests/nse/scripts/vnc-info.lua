-- vnc-info on recorded exchanges.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 5900, service = "vnc" }

test("version and types are shown", function()
  fake.servers["tcp:5900"] = fake.replies("RFB 003.008\n", { "\2\2\16" }, true)
  local text, data = script.run("vnc-info", port)
  check.equal(text, [[
  Protocol version: 3.8
  Security types: 
    VNC Authentication (2)
    Tight (16)]])
  check.equal(data["Security types"][1].type, 2)
end)

test("a server that lets anyone in is told", function()
  fake.servers["tcp:5900"] = fake.replies("RFB 003.003\n", { "\0\0\0\1" }, true)
  check.contains(script.run("vnc-info", port), "WARNING: Server does not require authentication")
end)

test("types within VeNCrypt are shown", function()
  fake.servers["tcp:5900"] = fake.replies("RFB 003.008\n", { "\1\19", "\0\2",
    "\0\3\0\0\1\3\0\0\1\6\0\0\0\2" }, true)
  check.contains(script.run("vnc-info", port), [[
  VeNCrypt auth subtypes: 
    Plain, Anonymous TLS (259)
    Plain, Server-authenticated TLS (262)
    Unknown security type (2)]])
end)

test("VeNCrypt without types within shows none", function()
  fake.servers["tcp:5900"] = fake.replies("RFB 003.008\n", { "\1\19", "\0\2", "\0\0" }, true)
  check.equal(script.run("vnc-info", port), [[
  Protocol version: 3.8
  Security types: 
    VeNCrypt (19)]])
end)

test("a refusal is no result, its reason an error; another server has none", function()
  for version, refusal in pairs({ ["003.008"] = "\0\0\0\0\9too many!",
    ["003.003"] = "\0\0\0\0\0\0\0\9too many!" }) do
    fake.servers["tcp:5900"] = fake.replies("RFB " .. version .. "\n", { refusal }, true)
    check.throws("too many!", script.run, "vnc-info", port)
  end
  fake.servers["tcp:5900"] = fake.replies("220 ftp server\r\n")
  check.equal(script.run("vnc-info", port), nil)
end)

test("a login answers the challenge and learns why it was refused", function()
  local vnc = require "vnc"
  fake.servers["tcp:5900"] = fake.replies("RFB 003.008\n", { "\1\2", ("x"):rep(16),
    "\0\0\0\1" .. string.pack(">s4", "Authentication failure") }, true)
  local server = vnc.VNC:new({ ip = "192.0.2.1" }, port)
  server:connect()
  check.truthy(server:handshake())
  check.equal(server:getProtocolVersion(), "3.8")
  server.encryptVNCDES = function(_, _, challenge)
    return challenge
  end
  check.same({ server:login("", "secret") }, { false, "Authentication failure" })
  fake.servers["tcp:5900"] = fake.replies("RFB 003.003\n", { "\0\0\0\1" }, true)
  server = vnc.VNC:new({ ip = "192.0.2.1" }, port)
  server:connect()
  check.truthy(server:handshake())
  check.equal(server:login("", ""), true)
  check.fails(server:login("", "", vnc.VNC.sectypes.TLS))
end)
