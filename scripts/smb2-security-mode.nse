description = [[
Shows for each version of SMB 2 and 3 that a host accepts whether messages must be signed.
]]
---
-- @output
-- | smb2-security-mode:
-- |   311:
-- |_    Message signing enabled but not required

author = "Muster"
license = "Apache-2.0"
categories = { "safe", "discovery", "default" }

identity = {}
volatile = {}
finding = { ["Message signing enabled but not required"] = "low" }

local smb = require "smb"
local smb2 = require "smb2"
local stdnse = require "stdnse"

function hostrule(host)
  return smb.get_port(host) ~= nil
end

local texts = {
  [0] = "Message signing is disabled",
  "Message signing enabled but not required",
  "Message signing is required",
  "Message signing enabled and required",
}

function action(host)
  local status, state = smb.start(host)
  if not status then
    return smb.unanswered(host, 2, state)
  end
  -- the newest that the host takes
  local dialect
  status, dialect = smb2.negotiate_v2(state)
  local mode = state.security_mode
  smb.stop(state)
  if not status then
    return smb.unanswered(host, 2, dialect)
  end
  local output = stdnse.output_table()
  output[("%x"):format(dialect)] = { texts[mode & 3] }
  return output
end
