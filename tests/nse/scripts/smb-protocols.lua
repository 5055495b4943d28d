-- smb-protocols on what Samba 4.17 answered.
local test, check, fake = ...
local script = require "support.script"

test("each version that a server accepts is shown, SMB 1 with a warning", function()
  script.replay("smb-protocols")
  fake.ports = { ["tcp:445"] = { state = "open" } }
  local text, data = script.run("smb-protocols")
  check.equal(text, [[
  dialects: 
    NT LM 0.12 (SMBv1) [dangerous, but default]
    202
    210
    300
    302
    311]])
  check.equal(#data.dialects, 6)
end)

test("a server without SMB gives none, a host without an open port is not asked", function()
  fake.ports = { ["tcp:445"] = { state = "open" } }
  fake.servers["tcp:445"] = script.server({ { "", "HTTP/1.1 400 Bad Request\r\n\r\n" } })
  check.equal(script.run("smb-protocols"), nil)
  fake.ports = { ["tcp:445"] = { state = "closed" } }
  check.same({ script.run("smb-protocols") }, { nil, nil, false })
end)

test("a version that is lost once is asked for again, silence for good is an error", function()
  fake.ports = { ["tcp:445"] = { state = "open" } }
  script.replay("smb-protocols")
  local whole = script.run("smb-protocols")
  for lost = 2, 6 do
    for _, how in ipairs({ "hang", "end" }) do
      script.replay("smb-protocols")
      script.losing("tcp:445", lost, lost, how)
      check.equal(script.run("smb-protocols"), whole)
    end
    script.replay("smb-protocols")
    script.losing("tcp:445", lost, 1000, "hang")
    check.throws("no longer answers", script.run, "smb-protocols")
  end
end)

test("a version that is refused with silence each time is not there", function()
  fake.ports = { ["tcp:445"] = { state = "open" } }
  local answer = script.replay("smb-protocols")[3][1][2]
  fake.servers["tcp:445"] = function(peer)
    local request = peer:recv()
    if request:find("\xfeSMB", 1, true) and request:find("\x10\2$") then
      peer:send(answer)
    end
    peer:hang()
  end
  local _, data = script.run("smb-protocols")
  check.same(data.dialects, { "210" })
end)
