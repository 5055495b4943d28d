-- smb-security-mode on what Samba 4.17 answered.
local test, check, fake = ...
local script = require "support.script"

-- What is shown when the byte behind the chosen dialect of the first answer is `mode`.
local function recorded(mode)
  script.replay("smb-security-mode", function(answer)
    return mode and answer:byte(9) == 0x72 and answer:sub(1, 39) .. mode .. answer:sub(41) or answer
  end)
  fake.ports = { ["tcp:445"] = { state = "open" } }
  return script.run("smb-security-mode")
end

test("login, challenges and signing are shown", function()
  local text, data = recorded()
  check.equal(text, [[
  account_used: guest
  authentication_level: user
  challenge_response: supported
  message_signing: disabled (dangerous, but default)]])
  check.equal(data.message_signing, "disabled")
end)

test("signing that is required, and shares with passwords of their own, are told", function()
  -- 1 users, 2 challenges, 4 signing, 8 signing required
  local text, data = recorded("\15")
  check.contains(text, "message_signing: required")
  check.equal(data.message_signing, "required")
  text = recorded("\0")
  check.contains(text, "authentication_level: share (dangerous)")
  check.contains(text, "challenge_response: plaintext only (dangerous)")
end)

test("a server that refuses SMB 1 gives none", function()
  fake.ports = { ["tcp:445"] = { state = "open" } }
  fake.servers["tcp:445"] = script.server({})
  check.equal(script.run("smb-security-mode"), nil)
end)
