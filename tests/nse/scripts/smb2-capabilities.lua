-- smb2-capabilities on what Samba 4.17 answered.
local test, check, fake = ...
local script = require "support.script"

test("abilities are shown for each version", function()
  script.replay("smb2-capabilities")
  fake.ports = { ["tcp:445"] = { state = "open" } }
  local text, data = script.run("smb2-capabilities")
  check.contains(text, [[
  202: 
    Distributed File System
  210: 
    Distributed File System
    Leasing
    Multi-credit operations
  300: ]])
  check.same(data["311"], { "Distributed File System", "Leasing", "Multi-credit operations",
    "Multiple Channel support" })
  check.equal(data["302"][5], "Encryption support")
end)

test("a server without SMB 2 gives none", function()
  fake.ports = { ["tcp:445"] = { state = "open" } }
  fake.servers["tcp:445"] = script.server({})
  check.equal(script.run("smb2-capabilities"), nil)
end)

test("a version that is lost once is asked for again, silence for good is an error", function()
  fake.ports = { ["tcp:445"] = { state = "open" } }
  script.replay("smb2-capabilities")
  local whole = script.run("smb2-capabilities")
  for lost = 2, 5 do
    for _, how in ipairs({ "hang", "end" }) do
      script.replay("smb2-capabilities")
      script.losing("tcp:445", lost, lost, how)
      check.equal(script.run("smb2-capabilities"), whole)
    end
    script.replay("smb2-capabilities")
    script.losing("tcp:445", lost, 1000, "hang")
    check.throws("no longer answers", script.run, "smb2-capabilities")
  end
end)

test("a version that is refused with silence each time is not there", function()
  fake.ports = { ["tcp:445"] = { state = "open" } }
  local answer = script.replay("smb2-capabilities")[2][1][2]
  fake.servers["tcp:445"] = function(peer)
    local request = peer:recv()
    if request:find("\xfeSMB", 1, true) and request:find("\x10\2$") then
      peer:send(answer)
    end
    peer:hang()
  end
  local _, data = script.run("smb2-capabilities")
  check.same(data, { ["210"] = { "Distributed File System", "Leasing",
    "Multi-credit operations" } })
end)
