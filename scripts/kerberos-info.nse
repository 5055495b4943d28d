description = [[
Finds Kerberos key distribution centres by their refusal of a realm that is nobody's; shows the realm
where the refusal names one, and whether the clock is too far from ours for tickets.
]]
---
-- A request for a ticket in the realm MUSTER.INVALID for the anonymous principal (RFC 4120, sections
-- 5.4.1 and 5.9.1; RFC 8062): no account is named.
--
-- @output
-- | kerberos-info:
-- |   Answer: client unknown
-- |_  Realm: LAB.EXAMPLE

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "safe" }

identity = {}
volatile = {}
-- tickets are refused five minutes off
finding = { Clock = "low" }

local asker = require "asker"
local comm = require "comm"
local datetime = require "datetime"
local drain = require "drain"
local greeting = require "greeting"
local nmap = require "nmap"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.port_or_service(88, { "kerberos", "kerberos-sec" }, { "tcp", "udp" })

local realm_asked, skew_max = "MUSTER.INVALID", 300

-- Numbers of errors that a request like ours meets (RFC 4120, section 7.5.9).
local errors = {
  [6] = "client unknown", [7] = "server unknown", [14] = "no encryption type", [24] = "login failed",
  [25] = "login needed", [60] = "error", [68] = "wrong realm",
}

-- DER -------------------------------------------------------------------------------------------------

local function tlv(tag, ...)
  local body = table.concat({ ... })
  local length = #body < 128 and string.char(#body) or "\x82" .. string.pack(">I2", #body)
  return string.char(tag) .. length .. body
end

local function number(n)
  return tlv(0x02, (string.pack(">I4", n):gsub("^%z+([%z\1-\127])", "%1")))
end

local function name(kind, ...)
  local parts = {}
  for i, part in ipairs({ ... }) do
    parts[i] = tlv(0x1b, part)
  end
  return tlv(0x30, tlv(0xa0, number(kind)), tlv(0xa1, tlv(0x30, table.concat(parts))))
end

-- The elements of `text` in order: { tag, body }; nil when one is cut.
local function elements(text)
  local list, at = {}, 1
  while at <= #text do
    local tag, length = text:byte(at, at + 1)
    at = at + 2
    if length and length > 0x80 and length <= 0x84 and #text >= at + length - 0x81 then
      length, at = string.unpack(">I" .. length - 0x80, text, at)
    end
    if not length or at - 1 + length > #text then
      return nil
    end
    list[#list + 1], at = { tag, text:sub(at, at - 1 + length) }, at + length
  end
  return list
end

-- The members of a sequence in which each has a number; empty when it is none.
local function members(text)
  local found = {}
  for _, item in ipairs(elements(text) or {}) do
    local inner = item[1] >= 0xa0 and item[1] < 0xc0 and elements(item[2])
    if inner and inner[1] then
      found[item[1] - 0xa0] = inner[1][2]
    end
  end
  return found
end

-------------------------------------------------------------------------------------------------------

local function question()
  local body = tlv(0x30, tlv(0xa0, tlv(0x03, "\0\0\0\0\0")),
    tlv(0xa1, name(11, "WELLKNOWN", "ANONYMOUS")), tlv(0xa2, tlv(0x1b, realm_asked)),
    tlv(0xa3, name(2, "krbtgt", realm_asked)), tlv(0xa5, tlv(0x18, "20370101000000Z")),
    tlv(0xa7, number(0x4d757374)), tlv(0xa8, tlv(0x30, number(18), number(17))))
  return tlv(0x6a, tlv(0x30, tlv(0xa1, number(5)), tlv(0xa2, number(10)), tlv(0xa4, body)))
end

local function ask(host, port)
  if port.protocol == "udp" then
    return comm.exchange(host, port, question(), { tries = 3, timeout = 2000 })
  end
  local text, reason = drain.all(host, port, string.pack(">s4", question()), { bytes_max = 8192,
    last = function(so_far)
      return #so_far >= 4 and #so_far >= 4 + string.unpack(">I4", so_far)
    end })
  return text ~= nil, text and text:sub(5) or reason
end

-- The members of a KRB-ERROR, or nil.
local function error_of(text)
  local outer = elements(text)
  local sequence = outer and outer[1] and outer[1][1] == 0x7e and elements(outer[1][2])
  local found = sequence and sequence[1] and sequence[1][1] == 0x30 and members(sequence[1][2])
  return found and found[0] == "\5" and found[1] == "\x1e" and found[6] and found or nil
end

-- Is the server's time ("20261130112651Z") too far from ours?
local function is_off(text)
  local parts = { (text or ""):match("^(%d%d%d%d)(%d%d)(%d%d)(%d%d)(%d%d)(%d%d)Z$") }
  if #parts == 0 then
    return false
  end
  local names, date = { "year", "month", "day", "hour", "min", "sec" }, {}
  for i, part in ipairs(parts) do
    date[names[i]] = tonumber(part)
  end
  return math.abs(datetime.date_to_timestamp(date, 0) - nmap.clock()) > skew_max
end

function action(host, port)
  local status, text = ask(host, port)
  if not status then
    return asker.unanswered(port, { "kerberos", "kerberos-sec", plain = true }, text)
  end
  local found = error_of(text)
  if not found then
    return nil
  end
  local output, code = stdnse.output_table(), found[6]:byte(-1) or 0
  output.Answer = errors[code] or ("error %d"):format(code)
  for _, realm in ipairs({ found[9] or "", found[7] or "" }) do
    if realm ~= "" and realm ~= realm_asked then
      output.Realm = realm
    end
  end
  output.Clock = is_off(found[4]) and "more than five minutes off" or nil
  greeting.store(host, port, { name = "kerberos-sec", cpe = {} })
  return output
end
