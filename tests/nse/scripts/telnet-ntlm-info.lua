-- telnet-ntlm-info on recorded exchanges.
local test, check, fake = ...
local script = require "support.script"
local ntlm = require "support.ntlm"
local port = { number = 23, service = "telnet" }

local function reply(message)
  return "\xff\xfa\x25\2\x0f\0\1" .. string.pack("<I4I4", #message, 2)
    .. message:gsub("\xff", "\xff\xff") .. "\xff\xf0"
end

test("names and version of the host", function()
  local asked
  fake.servers["tcp:23"] = function(peer)
    peer:recv()
    peer:send("\xff\xfd\x25\xff\xfb\1\xff\xfb\3\xff\xfd\x27\xff\xfd\x1f\xff\xfd\0")
    peer:send("\xff\xfa\x25\1\x0f\0\xff\xf0")
    repeat
      asked = peer:recv()
    until not asked or asked:find("NTLMSSP", 1, true)
    peer:send(reply(ntlm.challenge))
  end
  check.equal(script.run("telnet-ntlm-info", port), ntlm.text)
  check.equal(asked:sub(1, 7), "\xff\xfa\x25\0\x0f\0\0", "IAC SB AUTHENTICATION IS NTLM NEGOTIATE")
  check.equal(asked:sub(-2), "\xff\xf0")
end)

test("servers without NTLM, without authentication, without telnet tell nothing", function()
  for _, answer in ipairs({ "\xff\xfa\x25\1\2\0\xff\xf0", "\xff\xfe\x25\r\nlogin: ", "220 ftp\r\n" }) do
    fake.servers["tcp:23"] = fake.replies(nil, { answer }, true)
    check.equal(script.run("telnet-ntlm-info", port), nil)
  end
end)

test("garbage does not matter", function()
  for _ = 1, 300 do
    fake.servers["tcp:23"] = fake.replies(nil, { fake.mutated(reply(ntlm.challenge)) })
    script.run("telnet-ntlm-info", port)
  end
end)
