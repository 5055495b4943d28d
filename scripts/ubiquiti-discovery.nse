description = [[
Shows what a device of Ubiquiti (radios, routers, cameras, access points) tells of itself over its
discovery protocol: name, model, firmware, hardware addresses with their IP addresses.
]]
---
-- The protocol is not documented by its maker. Both versions: version, command, length of what follows
-- (2 bytes), then fields of type, length (2 bytes), value.
--
-- @output
-- | ubiquiti-discovery:
-- |   protocol: v1
-- |   uptime_seconds: 86400
-- |   uptime: 1 days 00:00:00
-- |   hostname: roof
-- |   product: N5N
-- |   firmware: XM.ar7240.v6.3.2.33267.200110.1123
-- |   version: v6.3.2
-- |   essid: backbone
-- |   model: NanoStation M5
-- |   interface_to_ip:
-- |     24:a4:3c:01:02:03:
-- |       192.0.2.1
-- |   mac_addresses:
-- |_    24:a4:3c:01:02:03

author = "Muster"
license = "Apache-2.0"
categories = { "version", "discovery", "default", "safe" }

identity = { "mac_addresses" }
volatile = { "uptime", "uptime_seconds" }

local asker = require "asker"
local comm = require "comm"
local ipOps = require "ipOps"
local nmap = require "nmap"
local shortport = require "shortport"
local stdnse = require "stdnse"

local services = { "ubiquiti-discovery" }
portrule = shortport.port_or_service(10001, services, "udp")

local questions = { "\1\0\0\0", "\2\8\0\0" }
local fields_max, value_max = 128, 200
local HWADDR, ADDRESS, FIRMWARE, UPTIME, HOSTNAME, PLATFORM, ESSID, MODEL = 1, 2, 3, 10, 11, 12, 13, 20
-- of version 2
local SHORT_MODEL, SHORT_VERSION = 21, 22

-- The fields of an answer in their order: array of { type, value }; nil when it is none.
local function fields_of(answer, version)
  if #answer < 8 or answer:byte(1) ~= version then
    return nil
  end
  local last = math.min(#answer, 4 + string.unpack(">I2", answer, 3))
  local fields, at = {}, 5
  while at + 2 <= last and #fields < fields_max do
    local kind, length = string.unpack(">BI2", answer, at)
    if at + 2 + length > last then
      break
    end
    fields[#fields + 1] = { kind, answer:sub(at + 3, at + 2 + length) }
    at = at + 3 + length
  end
  return #fields > 0 and fields or nil
end

local function text(value)
  local s = value and value:match("^[^%z]*"):sub(1, value_max):gsub("%c", "?")
  return s ~= "" and s or nil
end

local function is_address(kind, value)
  return kind == HWADDR and #value == 6 or kind == ADDRESS and #value == 10
end

-- Hardware addresses, sorted, and the IP addresses of each, sorted.
local function addresses(fields)
  local macs, ips = {}, {}
  for _, field in ipairs(fields) do
    local kind, value = field[1], field[2]
    local mac = is_address(kind, value) and stdnse.format_mac(value:sub(1, 6))
    if mac and not ips[mac] then
      macs[#macs + 1], ips[mac] = mac, {}
    end
    if mac and kind == ADDRESS then
      table.insert(ips[mac], ipOps.str_to_ip(value:sub(7)))
    end
  end
  table.sort(macs)
  local with_ip = stdnse.output_table()
  for _, mac in ipairs(macs) do
    table.sort(ips[mac])
    with_ip[mac] = #ips[mac] > 0 and ips[mac] or nil
  end
  return macs, with_ip
end

local function add_uptime(output, value)
  if value and #value == 4 then
    local s = string.unpack(">I4", value)
    output.uptime_seconds = s
    output.uptime = ("%d days %02d:%02d:%02d"):format(s // 86400, s // 3600 % 24, s // 60 % 60, s % 60)
  end
end

local function table_of(fields, version)
  local output, first = stdnse.output_table(), {}
  for _, field in ipairs(fields) do
    first[field[1]] = first[field[1]] or field[2]
  end
  output.protocol = "v" .. version
  add_uptime(output, first[UPTIME])
  output.hostname = text(first[HOSTNAME])
  output.product = text(first[PLATFORM])
  output.firmware = text(first[FIRMWARE])
  local short = text(first[SHORT_VERSION])
  output.version = ("." .. (short and "v" .. short or output.firmware or "")):match("%.(v%d+%.%d+%.%d+)")
  output.essid = text(first[ESSID])
  output.model = text(first[version == 2 and SHORT_MODEL or MODEL])
  local macs, with_ip = addresses(fields)
  output.interface_to_ip = #with_ip > 0 and with_ip or nil
  output.mac_addresses = #macs > 0 and macs or nil
  return #output > 1 and output or nil
end

function action(host, port)
  local output, reason
  for version, question in ipairs(questions) do
    local status, answer = comm.exchange(host, port, question, { timeout = 2000, tries = 2 })
    local fields = status and fields_of(answer, version)
    output = fields and table_of(fields, version)
    if output then
      break
    end
    reason = reason or not status and answer or "another answer"
  end
  if not output then
    return asker.unanswered(port, services, reason)
  end
  nmap.set_port_state(host, port, "open")
  port.version.name, port.version.product = "ubiquiti-discovery", output.model or output.product
  nmap.set_port_version(host, port)
  return output
end
