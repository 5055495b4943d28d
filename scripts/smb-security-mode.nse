description = [[
Shows how a host that speaks SMB 1 protects it: user or share level, challenges, signing.
]]
---
-- @output
-- | smb-security-mode:
-- |   account_used: guest
-- |   authentication_level: user
-- |   challenge_response: supported
-- |_  message_signing: disabled (dangerous, but default)

author = "Muster"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

identity = {}
volatile = {}
finding = { ["message_signing"] = "low" }

local smb = require "smb"
local stdnse = require "stdnse"

function hostrule(host)
  return smb.get_port(host) ~= nil
end

local function signing(mode)
  if mode & 8 ~= 0 then
    return "required"
  elseif mode & 4 ~= 0 then
    return "supported"
  end
  return "disabled", "disabled (dangerous, but default)"
end

function action(host)
  local status, state = smb.start(host)
  if not status then
    return smb.unanswered(host, 1, state)
  end
  local reason
  status, reason = smb.negotiate_protocol(state, {})
  if not status then
    smb.stop(state)
    return smb.unanswered(host, 1, reason)
  end
  smb.start_session(state)
  local mode = state.security_mode
  smb.stop(state)
  local output = stdnse.output_table()
  output.account_used = state.account_used
  output.authentication_level = mode & 1 ~= 0 and "user" or "share (dangerous)"
  output.challenge_response = mode & 2 ~= 0 and "supported" or "plaintext only (dangerous)"
  local word, shown = signing(mode)
  output.message_signing = word
  local lines = {}
  for key, value in pairs(output) do
    lines[#lines + 1] = "\n  " .. key .. ": " .. (key == "message_signing" and shown or value)
  end
  return output, table.concat(lines)
end
