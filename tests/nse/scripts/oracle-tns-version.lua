-- oracle-tns-version on exchanges in the form of listeners 9.2, 10.2 and 19.
local test, check, fake = ...
local script = require "support.script"
local tns = require "tns"
local port = { number = 1521, service = "oracle" }

local function refuse(text)
  return tns.Packet.wrap(4, "\4\0" .. string.pack(">s2", text))
end
local function data(text, last)
  return tns.Packet.wrap(6, (last and "\0\x40" or "\0\0") .. text)
end
local accept = tns.Packet.wrap(2, "\1\x36\0\0\8\0\x7f\xff\1\0\0\0\0\x18\x41\1")
local unauthorized = refuse("(DESCRIPTION=(TMP=)(VSNNUM=169869568)(ERR=1189)(ERROR_STACK=(ERROR="
  .. "(CODE=1189)(EMFI=4))))")

local function version_after(...)
  fake.servers["tcp:1521"] = fake.replies(nil, { table.concat({ ... }) })
  script.run("oracle-tns-version", port)
  local stored = fake.stored(1521)
  return stored and stored.version
end

test("a listener that refuses tells its version as a number", function()
  local version = version_after(unauthorized)
  check.equal(version.product, "Oracle TNS listener")
  check.equal(version.version, "10.2.0.1.0")
  check.equal(version.extrainfo, "unauthorized")
  version = version_after(refuse("(DESCRIPTION=(VSNNUM=318767104)(ERR=12505))"))
  check.equal(version.version, "19.0.0.0.0")
  check.equal(version.extrainfo, nil)
end)

test("one that lets anyone in tells it in words", function()
  local version = version_after(accept, data("(DESCRIPTION=(TMP=)(VSNNUM=153093376)(ERR=0))"),
    data("\tTNSLSNR for Linux: Version 9.2.0.5.0 - Production\n", true))
  check.equal(version.version, "9.2.0.5.0")
  check.equal(version_after(accept, data("\tTNSLSNR for Linux: Version 9.2.0.8.0 - Production\n",
    true)).version, "9.2.0.8.0")
end)

test("a listener may want the question again", function()
  local asked = 0
  fake.servers["tcp:1521"] = function(peer)
    while peer:recv() do
      asked = asked + 1
      peer:send(asked == 1 and tns.Packet.wrap(11, "") or unauthorized)
    end
  end
  script.run("oracle-tns-version", port)
  check.equal(fake.stored(1521).version.version, "10.2.0.1.0")
  check.equal(asked, 2)
end)

test("the question has its data where it says", function()
  local packet = tns.Packet.Connect(tns.COMMAND_VERSION)
  local length, offset = string.unpack(">I2I2", packet, 25)
  check.equal(packet:sub(offset + 1, offset + length), tns.COMMAND_VERSION)
  check.equal(string.unpack(">I2", packet), #packet)
end)

test("another server, and garbage, have none", function()
  check.equal(version_after("220 ftp\r\n"), nil)
  for _ = 1, 300 do
    version_after(fake.mutated(accept .. data("Version 9.2.0.5.0", true)))
    version_after(fake.mutated(unauthorized))
  end
end)
