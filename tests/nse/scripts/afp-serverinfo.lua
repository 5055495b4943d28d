-- afp-serverinfo on answers as the Apple Filing Protocol Reference (FPGetSrvrInfo) has them.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 548, service = "afp" }

local function pascal(...)
  local list = { ... }
  local out = { string.char(#list) }
  for _, text in ipairs(list) do
    out[#out + 1] = string.pack("s1", text)
  end
  return table.concat(out)
end

-- The data of a server named `name`, with its offsets worked out.
local function info(name, flags)
  local head = 10 + 1 + #name
  head = head + head % 2 + 8
  local parts = { string.pack("s1", "Netatalk3.1.12"), pascal("AFP2.2", "AFP3.4"), pascal("DHX2"), "",
    string.rep("\xbb\xeb\x48\x0e", 4), "\2\6\1\xc0\0\2\xeb\x0d\4nas.example", pascal(),
    string.pack(">s2", "n\xc3\xa4s") }
  local at, offsets = head, {}
  for i, part in ipairs(parts) do
    offsets[i], at = part ~= "" and at or 0, at + #part
  end
  local data = string.pack(">I2I2I2I2I2s1", offsets[1], offsets[2], offsets[3], offsets[4], flags, name)
  return data .. ("\0"):rep(#data % 2)
    .. string.pack(">I2I2I2I2", offsets[5], offsets[6], offsets[7], offsets[8]) .. table.concat(parts)
end

local function reply(data)
  return string.pack(">BBI2I4I4I4", 1, 3, 1, 0, #data, 0) .. data
end

test("what the server tells is shown", function()
  for _, name in ipairs({ "nas", "nas2" }) do
    fake.servers["tcp:548"] = script.server({ { "\0\3\0\1", reply(info(name, 0x827d)) } })
    check.equal(script.run("afp-serverinfo", port), ([[
  Server Flags: 
    Flags hex: 0x827d
    Super Client: true
    UUIDs: false
    UTF8 Server Name: true
    Open Directory: false
    Reconnect: false
    Server Notifications: true
    TCP/IP: true
    Server Signature: true
    Server Messages: true
    Password Saving Prohibited: true
    Password Changing: false
    Copy File: true
  Server Name: %s
  Machine Type: Netatalk3.1.12
  AFP Versions: AFP2.2, AFP3.4
  UAMs: DHX2
  Server Signature: bbeb480ebbeb480ebbeb480ebbeb480e
  Network Addresses: 
    192.0.2.235
    nas.example
  UTF8 Server Name: näs]]):format(name))
  end
end)

test("errors, cut answers, other protocols and silence give none", function()
  for _, answer in ipairs({ string.pack(">BBI2i4I4I4", 1, 3, 1, -5019, 0, 0), "SSH-2.0-x\r\n",
    string.pack(">BBI2I4I4I4", 1, 3, 1, 0, 0xffffffff, 0), reply("\0\1\0\1\0\1\0\1\x82\x7d\xff\0"),
    false }) do
    fake.servers["tcp:548"] = script.server({ { "", answer } })
    check.equal(script.run("afp-serverinfo", port), nil)
  end
end)
