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

-- What the host answers to { name, type } each, side by side: a packet or false. Datagrams get lost.
local function ask(host, port, questions, times)
  local packets = dns.query_all(questions, { host = host.ip, port = port.number, timeout = 1500,
    sendCount = times or 3 })
  for i, list in ipairs(packets) do
    packets[i] = list[1] and list[1].output or false
  end
  return packets
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

-- The texts "key=value" of a device's pseudo-service, by key, or nil.
local function device_info(packet)
  local texts = first(packet, function(record)
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

local function info_question(instance)
  return { instance .. "._device-info._tcp.local", "TXT" }
end

-- The name of the host that its own address points to.
local function name_of(host, port, times)
  local reverse = dns.reverse(host.ip)
  return reverse and clean(first(ask(host, port, { { reverse, "PTR" } }, times)[1], function(record)
    return record.domain
  end))
end

-- The pseudo-service bears the name under which the other services go, or the host's: the instances of
-- the others, each once.
local function instances_of(entries)
  local list, seen = {}, {}
  for _, entry in ipairs(entries) do
    if not seen[entry.instance] and #list < instances_max then
      seen[entry.instance], list[#list + 1] = true, info_question(entry.instance)
    end
  end
  return list
end

-- What is told under a name: of the device, of its processor and system.
local function told_of(host, port, name)
  local label = name:match("^([^.]+)")
  local answers = ask(host, port, { { name, "HINFO" }, label and info_question(label) })
  return first(answers[1], function(record)
    return record.HINFO
  end) or {}, device_info(answers[2])
end

-- The same of a host whose name is not known, or goes under another one, by its services; and whether
-- it has any. Those of a host that leaves out too much are an error of dns-service-discovery, not ours.
local function by_services(host, port)
  local helper = dnssd.Helper:new(host, port)
  local told, status, entries = pcall(helper.discover, helper)
  if not told then
    stdnse.debug1("%s", status)
    return nil, true
  end
  for _, packet in ipairs(status and ask(host, port, instances_of(entries)) or {}) do
    local info = device_info(packet)
    if info then
      return info, true
    end
  end
  return nil, status
end

function action(host, port)
  local name, hinfo, info, answers = name_of(host, port, 2), {}, nil, false
  if name then
    hinfo, info = told_of(host, port, name)
  end
  if not info then
    info, answers = by_services(host, port)
  end
  if not name and answers then
    -- its name may have been lost on the way
    name = name_of(host, port)
    hinfo = name and told_of(host, port, name) or {}
  end
  info = info or {}
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
