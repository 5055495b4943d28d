--- Port rules: functions that say whether a script wants to look at a port.
--
-- `ports` and `services` are one value or an array; a port may be a number, a range "100-200" or a
-- list "80,443". `protos` is "tcp" when nil, `states` are "open" and "open|filtered". All of them
-- return a function of (host, port), but `http`, `ssl` and `ssh`, which are such functions
-- themselves.

local ipairs, nmap, require, string = ipairs, require "nmap", require, string
local tonumber, type = tonumber, type

local M = {}

local function as_list(value, default)
  if value == nil then
    return default
  end
  return type(value) == "table" and value or { value }
end

local function includes(list, wanted)
  for _, item in ipairs(list) do
    if item == wanted then
      return true
    end
  end
  return false
end

local default_states = { "open", "open|filtered" }

local function is_reachable(port, protos, states)
  return includes(as_list(protos, { "tcp" }), port.protocol)
    and includes(as_list(states, default_states), port.state)
end

-- Is `number` one of `ports`: numbers, "80", "100-200", "80,443"?
local function has_number(ports, number)
  for _, item in ipairs(ports) do
    if item == number then
      return true
    elseif type(item) == "string" then
      for from, to in string.gmatch(item, "(%d+)%-?(%d*)") do
        from, to = tonumber(from), tonumber(to) or tonumber(from)
        if number >= from and number <= to then
          return true
        end
      end
    end
  end
  return false
end

--- Is the port left alone by service detection (printers and the like)?
function M.port_is_excluded(port, proto)
  return nmap.port_is_excluded(port, proto)
end

--- A rule for ports with one of these numbers.
function M.portnumber(ports, protos, states)
  ports = as_list(ports, {})
  return function(_, port)
    return has_number(ports, port.number) and is_reachable(port, protos, states)
  end
end

--- A rule for ports with one of these service names.
function M.service(services, protos, states)
  services = as_list(services, {})
  return function(_, port)
    return includes(services, port.service) and is_reachable(port, protos, states)
  end
end

--- A rule for ports with one of these numbers or one of these service names.
function M.port_or_service(ports, services, protos, states)
  local by_number = M.portnumber(ports, protos, states)
  local by_service = M.service(services, protos, states)
  return function(host, port)
    return by_number(host, port) or by_service(host, port)
  end
end

--- The same for scripts of the category version: also the intensity must be at least `rarity` (7
-- when nil) and the port must not be one that service detection leaves alone.
function M.version_port_or_service(ports, services, protos, states, rarity)
  local rule = M.port_or_service(ports, services, protos, states)
  return function(host, port)
    return nmap.version_intensity() >= (rarity or 7)
      and not M.port_is_excluded(port.number, port.protocol)
      and rule(host, port)
  end
end

--- A rule from a text such as "22,80,U:53,T:8000-8010" (T and U: from here on TCP, UDP; TCP first).
function M.port_range(range)
  local numbers = { tcp = {}, udp = {} }
  local protocol = "tcp"
  for item in string.gmatch(range, "[^,%s]+") do
    local letter, rest = string.match(item, "^([TU]):(.*)$")
    protocol = letter == "U" and "udp" or letter == "T" and "tcp" or protocol
    item = rest or item
    item = string.gsub(string.gsub(item, "^%-", "0-"), "%-$", "-65535")
    if item ~= "" then
      numbers[protocol][#numbers[protocol] + 1] = item
    end
  end
  return function(_, port)
    return numbers[port.protocol] ~= nil and has_number(numbers[port.protocol], port.number)
      and includes(default_states, port.state)
  end
end

--- Where HTTP servers usually are.
M.LIKELY_HTTP_PORTS = { 80, 443, 631, 7080, 8080, 8443, 8088, 5800, 3872, 8180, 8000 }
M.LIKELY_HTTP_SERVICES = {
  "http", "https", "ipp", "http-alt", "https-alt", "vnc-http", "oem-agent", "soap", "http-proxy",
  "caldav", "carddav",
  "webdav",
}

local http_rule = M.port_or_service(M.LIKELY_HTTP_PORTS, M.LIKELY_HTTP_SERVICES)

--- A rule for ports that likely speak HTTP.
function M.http(host, port)
  return http_rule(host, port)
end

-- 22; NETCONF over SSH (830, RFC 6242); where servers are put beside or instead of 22.
local ssh_rule = M.port_or_service({ 22, 830, 2222, 2382, 22222, 55554 }, "ssh")

--- A rule for ports that likely speak SSH.
function M.ssh(host, port)
  return ssh_rule(host, port)
end

-- Ports and services that are TLS from the first byte (IANA's registry, names of service
-- detection).
local likely_ssl_ports = {
  261, 271, 324, 443, 465, 563, 585, 614, 636, 664, 684, 695, 832, 853, 854, 989, 990, 992, 993,
  994, 995,
  2221, 2252, 2376, 2381, 2478, 2479, 2482, 2484, 2679, 2762, 3077, 3078, 3183, 3191, 3220, 3269,
  3389, 3410, 3424,
  3471, 3496, 3509, 3529, 3539, 3535, 3660, 3661, 3713, 3747, 3766, 3864, 3885, 3896, 3995, 4031,
  4036, 4062, 4064,
  4081, 4083, 4116, 4335, 4336, 4433, 4536, 4590, 4740, 4843, 4849, 4911, 5061, 5321, 5349, 5671, 5783,
  5868, 5986, 5989,
  5990, 6209, 6251, 6443, 6513, 6514, 6619, 6679, 6697, 6771, 7202, 7443, 7673, 7674, 7677, 7775,
  8243, 8443, 8883,
  8991, 8989, 9001, 9089, 9295, 9318, 9443, 9444, 9614, 9802, 10161, 10162, 11751, 12013, 12109, 14143,
  15002, 16995, 41230,
}
local likely_ssl_services = {
  "ftps", "ftps-data", "ftps-control", "https", "https-alt", "imaps", "ircs", "ldapssl", "ldaps",
  "pop3s", "sip-tls",
  "smtps", "telnets", "nntps", "xmpps-client", "domain-s", "secure-mqtt", "ms-wbt-server",
  "tor-orport",
}
local ssl_rule = M.port_or_service(likely_ssl_ports, likely_ssl_services)

-- Greetings of two kinds of client, the second where the first was met with the end of the
-- connection. A TLS server answers with a handshake record or an alert; whoever says something else
-- is left alone, for some count a second greeting against us.
local function speaks_tls(host, port)
  local comm, tls = require "comm", require "tls"
  for _, protocol in ipairs({ "TLSv1.2", "TLSv1.0" }) do
    local hello = tls.client_hello({
      protocol = protocol,
      host = host,
      extensions = {
        elliptic_curves = tls.EXTENSION_HELPERS.elliptic_curves(tls.DEFAULT_ELLIPTIC_CURVES),
      },
    })
    local status, reply = comm.exchange(host, port, hello, { bytes = 5, proto = port.protocol })
    if status then
      return string.find(reply, "^[\x15\x16]\x03[\x00-\x04]") ~= nil
    elseif reply == "TIMEOUT" then
      return false
    end
  end
  return false
end

-- The answer is kept with the host, so that the many rules that ask cost one probe for each port. A
-- silent port keeps nobody who asks another one.
local function probed_tls(host, port)
  host.registry = host.registry or {}
  host.registry.ssl = host.registry.ssl or {}
  local answers, key = host.registry.ssl, port.number .. port.protocol
  local answer = answers[key] or {}
  answers[key] = answer
  if answer.tls == nil then
    local mutex = nmap.mutex(answer)
    mutex "lock"
    if answer.tls == nil then
      answer.tls = speaks_tls(host, port)
    end
    mutex "done"
  end
  return answer.tls
end

--- A rule for ports that speak TLS: those found so by service detection, those that usually do, and
-- of what service detection did not recognise those that answer a TLS greeting (this asks the
-- server once; without a host the answer is false).
function M.ssl(host, port)
  local version = port.version or {}
  if version.service_tunnel == "ssl" or ssl_rule(host, port) then
    return true
  elseif port.protocol ~= "tcp" or port.state ~= "open" or M.port_is_excluded(port.number,
    port.protocol) then
    return false
  elseif (version.name_confidence or 0) > 3 then
    return false
  end
  return host ~= nil and probed_tls(host, port)
end

return M
