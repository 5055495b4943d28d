description = [[
Shows what a host tells of itself by multicast DNS beside its services: its name, its processor and
system (HINFO, RFC 1035), and the model that Apple's machines and Samba servers give with the
pseudo-service _device-info._tcp.
]]
---
-- @output
-- | mdns-device-info:
-- |   Name: nas.local
-- |   Model: Xserve1,1
-- |   CPU: X86_64
-- |_  OS: LINUX

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "safe", "default" }

identity = { "Name" }
volatile = {}

local dns = require "dns"
local dnssd = require "dnssd"
local shortport = require "shortport"
local stdnse = require "stdnse"

portrule = shortport.portnumber(5353, "udp", { "open", "open|filtered" })

local instances_max = 8

local function ask(host, port, name, dtype)
  local status, packet = dns.query(name, { host = host.ip, port = port.number, dtype = dtype,
    retPkt = true, timeout = 2000, sendCount = 2 })
  return status and packet or nil
end

-- The first record of an answer for which `pick` gives something.
local function first(packet, pick)
  for _, section in ipairs(packet and { packet.answers, packet.add } or {}) do
    for _, record in ipairs(section) do
      local value = pick(record)
      if value then
        return value
      end
    end
  end
end

local function clean(text)
  return text and text ~= "" and (text:gsub("%c", "."):sub(1, 200)) or nil
end

-- The texts "key=value" of a device's pseudo-service, by key.
local function device_info(host, port, instance)
  local texts = first(ask(host, port, instance .. "._device-info._tcp.local", "TXT"),
    function(record)
      return record.TXT and record.TXT.text
    end)
  local out = {}
  for _, text in ipairs(texts or {}) do
    local key, value = text:match("^([^=]+)=(.+)$")
    if key then
      out[key:lower()] = clean(value)
    end
  end
  return next(out) and out or nil
end

-- The name of the host that its own address points to.
local function name_of(host, port)
  local reverse = dns.reverse(host.ip)
  return reverse and clean(first(ask(host, port, reverse, "PTR"), function(record)
    return record.domain
  end))
end

-- The pseudo-service bears the name under which the other services go, or the host's.
local function model_of(host, port, name)
  local tried = {}
  local function try(instance)
    if instance and not tried[instance] then
      tried[instance] = true
      return device_info(host, port, instance)
    end
  end
  local info = try(name and name:match("^([^.]+)"))
  if not info then
    local status, entries = dnssd.Helper:new(host, port):discover()
    for i = 1, status and math.min(#entries, instances_max) or 0 do
      info = info or try(entries[i].instance)
    end
  end
  return info or {}
end

function action(host, port)
  local name = name_of(host, port)
  local info = model_of(host, port, name)
  local hinfo = name and first(ask(host, port, name, "HINFO"), function(record)
    return record.HINFO
  end) or {}
  local output = stdnse.output_table()
  output.Name = name
  output.Model = info.model
  output.CPU = clean(hinfo.cpu)
  output.OS = clean(hinfo.os)
  output["OS version"] = info.osxvers
  output.Color = info.ecolor
  if #output == 0 then
    return nil
  end
  nmap.set_port_state(host, port, "open")
  return output
end
