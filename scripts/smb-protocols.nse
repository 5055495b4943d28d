description = [[
Shows which versions of SMB a host accepts. SMB 1 is marked, because it should be off.
]]
---
-- @output
-- | smb-protocols:
-- |   dialects:
-- |     NT LM 0.12 (SMBv1) [dangerous, but default]
-- |     202
-- |_    311

author = "Muster"
license = "Apache-2.0"
categories = { "safe", "discovery" }

identity = {}
volatile = {}
finding = { ["NT LM 0.12 (SMBv1) [dangerous, but default]"] = "medium" }

local smb = require "smb"
local stdnse = require "stdnse"

function hostrule(host)
  return smb.get_port(host) ~= nil
end

function action(host)
  local status, dialects = smb.list_dialects(host)
  if not status or #dialects == 0 then
    stdnse.debug1("%s", tostring(status or dialects))
    return nil
  end
  for i, dialect in ipairs(dialects) do
    dialects[i] = dialect == "NT LM 0.12" and dialect .. " (SMBv1) [dangerous, but default]"
      or dialect
  end
  local output = stdnse.output_table()
  output.dialects = dialects
  return output
end
