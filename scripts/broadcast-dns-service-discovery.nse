description = [[
Asks all hosts of the link by multicast DNS which services they offer.
]]
---
-- @output
-- | broadcast-dns-service-discovery:
-- |   224.0.0.251
-- |     631/tcp ipp
-- |       ty=HP LaserJet
-- |_      Address=192.0.2.15 2001:db8::15

author = "Muster"
license = "Apache-2.0"
categories = { "broadcast", "safe" }

identity = {}
volatile = {}

local dnssd = require "dnssd"
local stdnse = require "stdnse"
local target = require "target"

prerule = function()
  return true
end

function action()
  local helper = dnssd.Helper:new()
  helper:setMulticast(true)
  local status, entries = helper:discover()
  if not status or #entries == 0 then
    return nil
  end
  local lines = { name = "224.0.0.251" }
  for i, entry in ipairs(entries) do
    lines[i] = dnssd.lines_of(entry)
    for _, address in ipairs(target.ALLOW_NEW_TARGETS and entry.addresses or {}) do
      target.add(address)
    end
  end
  return stdnse.format_output(true, { lines })
end
