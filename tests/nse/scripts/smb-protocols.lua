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
