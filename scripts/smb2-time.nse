description = [[
Shows the clock of a host that speaks SMB 2 or 3 and, where it tells it, when it was started.
]]
---
-- @output
-- | smb2-time:
-- |   date: 2026-11-22T22:13:37
-- |_  start_date: 2026-11-01T08:00:12

author = "Muster"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

identity = {}
volatile = { "date" }

local datetime = require "datetime"
local smb = require "smb"
local smb2 = require "smb2"
local stdnse = require "stdnse"

function hostrule(host)
  return smb.get_port(host) ~= nil
end

function action(host)
  local status, state = smb.start(host)
  if not status then
    return smb.unanswered(host, 2, state)
  end
  local reason
  status, reason = smb2.negotiate_v2(state)
  smb.stop(state)
  if not status then
    return smb.unanswered(host, 2, reason)
  elseif not state.date then
    return nil
  end
  datetime.record_skew(host, state.time)
  local output = stdnse.output_table()
  output.date = state.date
  output.start_date = state.start_date
  return output
end
