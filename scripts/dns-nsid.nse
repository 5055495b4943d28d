description = [[
Shows what a name server, also one that speaks DNS over TLS, tells of itself: its NSID (RFC 5001),
and the names id.server and version.bind (RFC 4892).
]]
---
-- @output
-- | dns-nsid:
-- |   NSID: ns1.lab (6e73312e6c6162)
-- |   id.server: ns1.lab
-- |_  bind.version: 9.18.24

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "default", "safe" }

identity = {}
volatile = {}

local asker = require "asker"
local dns = require "dns"
local nmap = require "nmap"
local shortport = require "shortport"
local stdnse = require "stdnse"

local udp_rule = shortport.port_or_service(53, "domain", "udp")
local tcp_rule = shortport.port_or_service(53, "domain", "tcp")
local tls_rule = shortport.port_or_service(853, "domain-s", "tcp")

-- How the port is asked: over TLS as RFC 7858 has it, where that is what the port is for.
local function protocol_of(port)
  local is_tls = tls_rule(nil, port) or (port.version or {}).service_tunnel == "ssl"
  return port.protocol == "tcp" and is_tls and "ssl" or port.protocol
end

-- Over TCP where the scan does not know the same port as open over UDP, which answers the same.
function portrule(host, port)
  if tls_rule(host, port) then
    return true
  elseif not tcp_rule(host, port) then
    return udp_rule(host, port)
  end
  local udp = nmap.get_port_state(host, { number = port.number, protocol = "udp" })
  return not udp or udp.state ~= "open"
end

-- dns.query's reason for silence; all other reasons are answers.
local silence = "No response"

-- The text of a name, or nil; whether there was no answer.
local function chaos(host, port, name)
  local status, text = dns.query(name, {
    host = host.ip, port = port.number, proto = protocol_of(port), dtype = "TXT", class = dns.CLASS.CH,
  })
  return status and text ~= "" and text or nil, not status and text == silence
end

-- The identifier, or nil; whether there was no answer.
local function nsid(host, port)
  local status, packet = dns.query("id.server", {
    host = host.ip, port = port.number, proto = protocol_of(port), dtype = "TXT", class = dns.CLASS.CH,
    nsid = true,
    retPkt = true,
  })
  for _, record in ipairs(status and packet.add or {}) do
    local data = record.OPT and record.OPT.data
    if data and #data >= 4 then
      local code, length = string.unpack(">I2I2", data)
      if code == 3 and length > 0 and #data >= 4 + length then
        return data:sub(5, 4 + length), false
      end
    end
  end
  return nil, not status and packet == silence
end

local questions = {
  { "NSID", nsid },
  { "id.server", function(host, port)
    return chaos(host, port, "id.server")
  end, needed = true },
  { "bind.version", function(host, port)
    return chaos(host, port, "version.bind")
  end, needed = true },
}

-- The answers by name. A server that answers is asked again for what it left open; some never
-- answer what has an EDNS option.
local function answers_of(host, port)
  local got, silent = {}, {}
  for _, question in ipairs(questions) do
    local key, ask = question[1], question[2]
    got[key], silent[key] = ask(host, port)
  end
  if not next(got) and silent.NSID and silent["id.server"] and silent["bind.version"]
    and not dns.answers(host, { number = port.number, protocol = protocol_of(port) }) then
    asker.unanswered(port, { "domain", "domain-s" }, "TIMEOUT")
  end
  for _, question in ipairs(next(got) and questions or {}) do
    local key, ask = question[1], question[2]
    if silent[key] then
      got[key], silent[key] = ask(host, port)
    end
    if silent[key] and question.needed then
      error("no answer for " .. key, 0)
    end
  end
  return got
end

function action(host, port)
  local output, got = stdnse.output_table(), answers_of(host, port)
  local id = got.NSID
  if id then
    output.NSID = setmetatable({ raw = id, hex = stdnse.tohex(id) }, {
      __tostring = function(t)
        return t.raw .. " (" .. t.hex .. ")"
      end,
    })
  end
  output["id.server"] = got["id.server"]
  output["bind.version"] = got["bind.version"]
  if #output == 0 then
    return nil
  end
  if port.version and output["bind.version"] and not port.version.product then
    port.version.name = "domain"
    port.version.service_tunnel = protocol_of(port) == "ssl" and "ssl" or port.version.service_tunnel
    port.version.version = output["bind.version"]
    nmap.set_port_version(host, port, "softmatched")
  end
  return output
end
