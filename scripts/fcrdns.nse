description = [[
Checks that a host's reverse name leads back to its address (forward-confirmed reverse DNS). Mail
servers and many inventories believe only such names.
]]
---
-- @output
-- |_fcrdns: PASS (www.example.com)

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "safe" }

identity = {}
volatile = {}

local dns = require "dns"
local ipOps = require "ipOps"
local stdnse = require "stdnse"

function hostrule()
  return true
end

-- What a name leads to; an empty array when there is nothing. Trouble of our own name server says
-- nothing of the host: it raises.
local function records_of(name, dtype)
  local status, records = dns.query(name, { dtype = dtype, retAll = true })
  if status then
    return records
  elseif records ~= "No Such Name" and records ~= "No Answers" then
    error(("%s: %s"):format(name, records), 0)
  end
  return {}
end

local function addresses_of(name, dtype)
  local addresses = records_of(name, dtype)
  -- name servers turn the order with each answer
  table.sort(addresses, function(a, b)
    return ipOps.compare_ip(a, "lt", b) == true
  end)
  return addresses
end

local function same(a, b)
  return ipOps.compare_ip(a, "eq", b) == true
end

function action(host)
  local names = records_of(dns.reverse(host.ip), "PTR")
  if #names == 0 then
    return { reason = "No PTR record", status = "fail" }, "FAIL (No PTR record)"
  end
  table.sort(names)
  local data, passed = stdnse.output_table(), nil
  for _, name in ipairs(names) do
    local entry = stdnse.output_table()
    local addresses = addresses_of(name, host.ip:find(":", 1, true) and "AAAA" or "A")
    entry.status = "fail"
    for _, address in ipairs(addresses) do
      if same(address, host.ip) then
        entry.status = "pass"
        passed = passed or name
      end
    end
    if #addresses > 0 then
      entry.addresses = addresses
    else
      entry.reason = "No A record"
    end
    data[name] = entry
  end
  if passed then
    return data, "PASS (" .. passed .. ")"
  end
  return data, "FAIL (" .. table.concat(names, ", ") .. ")"
end
