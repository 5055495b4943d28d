-- teamspeak-info on answers as the ServerQuery manual has them.
local test, check, fake = ...
local script = require "support.script"
local port = { number = 10011, service = "teamspeak" }
local greeting = "TS3\n\rWelcome to the TeamSpeak 3 ServerQuery interface, type \"help\" for a list.\n\r"

local function says(answer)
  fake.servers["tcp:10011"] = function(peer)
    peer:send(greeting)
    if peer:recv() and answer then
      peer:send(answer)
    else
      peer:hang()
    end
  end
end

test("version, build and platform are shown", function()
  says("version=3.13.7 build=1655727713 platform=Linux\n\rerror id=0 msg=ok\n\r")
  check.equal(script.run("teamspeak-info", port), "  Version: 3.13.7\n  Build: 1655727713\n  Platform: Linux")
  check.equal(fake.stored(10011).version.version, "3.13.7")
end)

test("a server that does not let us ask says so", function()
  says("error id=2568 msg=insufficient\\sclient\\spermissions failed_permid=4\n\r")
  check.equal(script.run("teamspeak-info", port), "  Refusal: insufficient client permissions")
end)

test("silence behind the greeting is an error; another server gives none", function()
  says(nil)
  check.throws("no answer", script.run, "teamspeak-info", port)
  for _, text in ipairs({ "220 ftp\r\n", "TS", "TS3" }) do
    fake.servers["tcp:10011"] = fake.replies(text)
    check.equal(script.run("teamspeak-info", port), nil)
  end
end)
