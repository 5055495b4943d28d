description = [[
Shows the targets of an iSCSI portal, and whether one must log in to use them.
]]
---
-- @output
-- | iscsi-info:
-- |   iqn.2026-11.org.example:open:
-- |     Address: 192.0.2.1:3260,1
-- |     Authentication: NOT required
-- |   iqn.2026-11.org.example:chap:
-- |     Address: 192.0.2.1:3260,1
-- |     Authentication: required
-- |_    Auth reason: Authentication failure

author = "Muster"
license = "Apache-2.0"
categories = { "default", "safe", "discovery" }

identity = {}
volatile = {}
finding = { ["NOT required"] = "high" }

local asker = require "asker"
local iscsi = require "iscsi"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.port_or_service({ 860, 3260 }, { "iscsi" })

local asked_max = 32

-- Does a target take a session without a login? True, or false and the reason. What passes says
-- nothing of the target: it raises.
local function is_open(host, port, target)
  local helper = iscsi.Helper:new(host, port)
  local status, reason = helper:connect()
  if not status then
    error(target.name .. ": " .. tostring(reason), 0)
  end
  local response
  status, response = helper:login(target.name)
  if status then
    helper:logout()
    return true
  end
  helper:close()
  if not response:getErrorCode() or response:passes() then
    error(target.name .. ": " .. tostring(response), 0)
  end
  return false, tostring(response)
end

local function show(host, port, target)
  local out = stdnse.output_table()
  out.Address = #target.addr > 1 and target.addr or target.addr[1]
  local open, reason = is_open(host, port, target)
  if open then
    out.Authentication = "NOT required"
  else
    out.Authentication = "required"
    out["Auth reason"] = reason
  end
  return out
end

function action(host, port)
  local helper = iscsi.Helper:new(host, port)
  local status, targets, passes = helper:connect()
  if status then
    status, targets, passes = helper:discoverTargets()
  end
  helper:close()
  if passes then
    error(targets, 0)
  elseif not status then
    return asker.unanswered(port, { "iscsi", "iscsi-target" }, targets)
  end
  local output = stdnse.output_table()
  for i = 1, math.min(#targets, asked_max) do
    output[targets[i].name] = show(host, port, targets[i])
  end
  return #output > 0 and output or nil
end
