description = [[
Finds name servers that hand out whole zones to anyone (AXFR, RFC 5936). Asks for the zones given,
else for those that the names of the host lie in.
]]
---
-- @args dns-zone-transfer.domain  The zone, or zones with commas.
--
-- @output
-- | dns-zone-transfer:
-- |   lab.test.            SOA   dns.lab.test. admin.lab.test.
-- |   lab.test.            NS    dns.lab.test.
-- |   lab.test.            MX    10 mail.lab.test.
-- |_  www.lab.test.        CNAME web1.lab.test.

author = "Muster"
license = "Apache-2.0"
categories = { "intrusive", "discovery" }

identity = {}
volatile = { "serial" }
finding = "medium"

local asker = require "asker"
local dns = require "dns"
local packet = require "dns.packet"
local shortport = require "shortport"
local stdnse = require "stdnse"
local stringaux = require "stringaux"
local tab = require "tab"

portrule = shortport.port_or_service(53, "domain", "tcp")

local records_max, messages_max, shown_max = 20000, 2000, 2000

local type_names = {}
for name, number in pairs(dns.types) do
  type_names[number] = type_names[number] or name
end

-- The zones that a name may lie in: a.b.c.test -> b.c.test, c.test.
local function parents(name, out)
  local rest = name:match("^[^.]+%.(.+)$")
  while rest and rest:find(".", 1, true) do
    out[#out + 1] = rest
    rest = rest:match("^[^.]+%.(.+)$")
  end
end

local function zones_for(host)
  local given = stdnse.get_script_args(SCRIPT_NAME .. ".domain")
  if given then
    return stringaux.strsplit(",%s*", given)
  end
  local zones = {}
  for _, name in ipairs({ host.targetname or "", host.name or "" }) do
    parents((name:gsub("%.$", "")), zones)
  end
  return zones
end

local function data_of(record)
  if record.SOA then
    return ("%s. %s."):format(record.SOA.mname, record.SOA.rname)
  elseif record.MX then
    return ("%d %s."):format(record.MX.pref, record.MX.server)
  elseif record.SRV then
    return ("%d %d %d %s."):format(record.SRV.prio, record.SRV.weight, record.SRV.port,
      record.SRV.target)
  elseif record.TXT then
    return '"' .. table.concat(record.TXT.text, '" "'):gsub("%c", ".") .. '"'
  end
  return record.ip or record.ipv6 or record.domain and record.domain .. "." or ""
end

-- The next message of the stream, decoded; nil and the reason at its end.
local function next_message(socket, pending)
  while #pending.bytes < 2 or #pending.bytes < 2 + string.unpack(">I2", pending.bytes) do
    local status, data = socket:receive()
    if not status then
      return nil, data
    end
    pending.bytes = pending.bytes .. data
  end
  local length = string.unpack(">I2", pending.bytes)
  local message = packet.decode(pending.bytes:sub(3, length + 2))
  pending.bytes = pending.bytes:sub(length + 3)
  return message
end

-- The records from the first SOA to the last; nil when the transfer is refused. One that breaks off
-- says nothing of the zone.
local function transfer(host, port, zone)
  local socket = nmap.new_socket()
  socket:set_timeout(8000)
  local status, reason = socket:connect(host, port)
  if not status then
    return asker.unanswered(port, { "domain" }, reason)
  end
  local request = dns.newPacket()
  dns.addQuestion(request, zone, 252)
  request.flags.RD = nil
  socket:send(string.pack(">s2", packet.encode(request)))
  local records, soas, pending = {}, 0, { bytes = "" }
  for _ = 1, messages_max do
    local message
    message, reason = next_message(socket, pending)
    if type(message) ~= "table" or message.id ~= request.id or #message.answers == 0 then
      break
    end
    for _, record in ipairs(message.answers) do
      soas = soas + (record.SOA and 1 or 0)
      if #records < records_max then
        records[#records + 1] = record
      end
    end
    if soas == 0 or soas > 1 then
      break
    end
  end
  socket:close()
  if soas == 1 and reason then
    asker.broken_off(reason)
  elseif reason == "TIMEOUT" then
    return asker.unanswered(port, { "domain" }, reason)
  end
  return soas > 1 and records or nil
end

local function result_of(zone, records)
  local lines, output = tab.new(), stdnse.output_table()
  output.zone, output.records, output.names = zone, #records - 1, {}
  output.serial = records[1].SOA and records[1].SOA.serial
  for i = 1, math.min(#records, shown_max) do
    local record = records[i]
    local name, kind = record.dname .. ".", type_names[record.dtype] or "TYPE" .. record.dtype
    tab.addrow(lines, name, kind, data_of(record))
    output.names[i] = ("%s %s %s"):format(name, kind, data_of(record))
  end
  return output, lines
end

function action(host, port)
  for _, zone in ipairs(zones_for(host)) do
    local records = transfer(host, port, zone)
    if records then
      local output, lines = result_of(zone, records)
      return output, "\n" .. tab.dump(lines)
    end
  end
  return nil
end
