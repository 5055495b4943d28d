-- An SNMP agent for tests: answers Get and GetNext from a table of identifier -> value.
--
--     agent.serve({ ["1.3.6.1.2.1.1.1.0"] = "Linux" }, { community = "public" })
local fake = require "support.fake_nmap"
local snmp = require "snmp"

local M = {}

local function numbers(oid)
  local out = {}
  for n in oid:gmatch("%d+") do
    out[#out + 1] = tonumber(n)
  end
  return out
end

local function before(a, b)
  for i = 1, math.min(#a, #b) do
    if a[i] ~= b[i] then
      return a[i] < b[i]
    end
  end
  return #a < #b
end

local function sorted(values)
  local list = {}
  for oid in pairs(values) do
    list[#list + 1] = { oid = oid, numbers = numbers(oid) }
  end
  table.sort(list, function(a, b)
    return before(a.numbers, b.numbers)
  end)
  return list
end

-- The identifier that follows, or nil at the end.
local function following(list, oid)
  local asked = numbers(oid)
  for _, entry in ipairs(list) do
    if before(asked, entry.numbers) then
      return entry.oid
    end
  end
end

--- An agent on udp:161. `options.community`: the name it takes (any when nil); it says nothing to
-- others. `options.lost`: says of the identifier that is asked for whether the answer gets lost.
function M.serve(values, options)
  local list = sorted(values)
  fake.servers["udp:161"] = function(peer)
    local request = peer:recv()
    while request do
      local message = snmp.decode(request)
      local pdu = message[3]
      local asked = snmp.oid2str(pdu[4][1][1])
      local oid = pdu._snmp == "\xa1" and following(list, asked) or asked
      local reply = { reqId = pdu[1] }
      if pdu._snmp == "\xa1" and not following(list, asked) then
        -- noSuchName
        reply.err, reply.errIdx = 2, 1
      end
      if options and options.community and message[2] ~= options.community then
        peer:hang()
      end
      if not (options and options.lost and options.lost(asked)) then
        peer:send(snmp.encode(snmp.buildPacket(snmp.buildGetResponse(reply, oid, values[oid]),
          message[1], message[2])))
      end
      request = peer:recv()
    end
  end
end

--- For options.lost: the first `n` answers below an identifier get lost.
function M.lose(n, base)
  return function(asked)
    n = asked:sub(1, #base) == base and n - 1 or n
    return asked:sub(1, #base) == base and n >= 0
  end
end

return M
