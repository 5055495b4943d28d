description = [[
Shows the abilities that a host tells for each version of SMB 2 and 3 that it accepts.
]]
---
-- @output
-- | smb2-capabilities:
-- |   311:
-- |     Distributed File System
-- |     Leasing
-- |_    Multi-credit operations

author = "Muster"
license = "Apache-2.0"
categories = { "safe", "discovery" }

identity = {}
volatile = {}

local smb = require "smb"
local smb2 = require "smb2"
local stdnse = require "stdnse"

function hostrule(host)
  return smb.get_port(host) ~= nil
end

local names = {
  { 0x01, "Distributed File System" }, { 0x02, "Leasing" }, { 0x04, "Multi-credit operations" },
  { 0x08, "Multiple Channel support" }, { 0x10, "Persistent handles" }, { 0x20,
  "Directory Leasing" },
  { 0x40, "Encryption support" },
}

local function abilities(state)
  local list = {}
  for _, name in ipairs(names) do
    if state.capabilities & name[1] ~= 0 then
      list[#list + 1] = name[2]
    end
  end
  if #list == 0 then
    list[1] = "All capabilities are disabled"
  end
  return list
end

function action(host)
  local output, dialects = stdnse.output_table(), smb2.dialects()
  local states = smb.agreed(host, dialects)
  for _, dialect in ipairs(states and dialects or {}) do
    output[("%x"):format(dialect)] = states[dialect] and abilities(states[dialect])
  end
  return #output > 0 and output or nil
end
