description = [[
Shows which versions of SSL and TLS and which cipher suites a server accepts, each with a grade.

The grade is that of SSL Labs' rating guide for key exchange and cipher strength: A is the best, F
the worst. "least strength" is the worst of all.
]]
---
-- @output
-- | ssl-enum-ciphers:
-- |   TLSv1.2:
-- |     ciphers:
-- |       TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 (secp256r1) - A
-- |     compressors:
-- |       NULL
-- |     cipher preference: server
-- |_  least strength: A

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "intrusive" }

identity = {}
volatile = {}
-- graded below A, or with warnings
finding = { ["least strength"] = "medium" }

local probe = require "tls.probe"
local shortport = require "shortport"
local sslcert = require "sslcert"
local stdnse = require "stdnse"
local tls = require "tls"

function portrule(host, port)
  return shortport.ssl(host, port) or sslcert.getPrepareTLSWithoutReconnect(port) ~= nil
end

local protocols = { "SSLv3", "TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3" }

-- Servers stumble over hellos that offer too much at once.
local offer_max = 64

-- Asking ------------------------------------------------------------------------------------------

local function ask(asker, protocol, ciphers, compressors)
  local flight = asker:ask({
    protocol = protocol, ciphers = ciphers, compressors = compressors, host = asker.host,
    extensions = probe.extensions(protocol),
  })
  local hello = flight and flight.server_hello
  return hello and hello.protocol == protocol and flight or nil
end

local function candidates(protocol)
  local names = {}
  for name in pairs(tls.CIPHERS) do
    if (name:find("^TLS_AKE_") ~= nil) == (protocol == "TLSv1.3") then
      names[#names + 1] = name
    end
  end
  table.sort(names)
  return names
end

local function without(list, item)
  local result = {}
  for _, value in ipairs(list) do
    if value ~= item then
      result[#result + 1] = value
    end
  end
  return result
end

-- Those of `offered` that the server takes, in the order of its choice: name -> flight, and the
-- names as an array.
local function accepted_of(asker, protocol, offered)
  local flights, order = {}, {}
  while #offered > 0 do
    local flight = ask(asker, protocol, offered)
    local name = flight and flight.server_hello.cipher
    if not name or flights[name] or #without(offered, name) == #offered then
      break
    end
    flights[name] = flight
    order[#order + 1] = name
    offered = without(offered, name)
  end
  return flights, order
end

local function all_accepted(asker, protocol)
  local names, flights, order = candidates(protocol), {}, {}
  for from = 1, #names, offer_max do
    local part, in_order = accepted_of(asker, protocol,
      { table.unpack(names, from, from + offer_max - 1) })
    for _, name in ipairs(in_order) do
      flights[name] = part[name]
      order[#order + 1] = name
    end
  end
  table.sort(order)
  return flights, order
end

local too_few = "Too few ciphers supported"

-- Whose order counts? Asked with two suites in both orders. Then why that is not told.
local function preference_of(asker, protocol, names)
  if #names < 2 then
    return "indeterminate", too_few
  end
  local few = { table.unpack(names, 1, math.min(#names, 8)) }
  local reversed = {}
  for i = #few, 1, -1 do
    reversed[#reversed + 1] = few[i]
  end
  local first, second = ask(asker, protocol, few), ask(asker, protocol, reversed)
  if not first or not second then
    return "indeterminate"
  end
  return first.server_hello.cipher == second.server_hello.cipher and "server" or "client"
end

local function compressors_of(asker, protocol, names)
  local flight = ask(asker, protocol, { table.unpack(names, 1, offer_max) }, { "DEFLATE", "NULL" })
  if flight and flight.server_hello.compressor == "DEFLATE" then
    return { "DEFLATE", "NULL" }
  end
  return { "NULL" }
end

-- Grading -----------------------------------------------------------------------------------------

local function kex_score(bits)
  return bits < 512 and 20 or bits < 1024 and 40 or bits < 2048 and 80 or bits < 4096 and 90 or 100
end

local function cipher_score(bits)
  return bits == 0 and 0 or bits < 128 and 20 or bits < 256 and 80 or 100
end

local grades = { { 80, "A" }, { 65, "B" }, { 50, "C" }, { 35, "D" }, { 20, "E" }, { -1, "F" } }

local function grade_of(score)
  for _, grade in ipairs(grades) do
    if score >= grade[1] then
      return grade[2]
    end
  end
end

local certificates = {}

-- The server's certificate of a flight, parsed once.
local function certificate_of(flight)
  local der = flight.certificate and flight.certificate.certificates
    and flight.certificate.certificates[1]
  if not der then
    return nil
  end
  certificates[der] = certificates[der] or sslcert.parse_ssl_certificate(der) or false
  return certificates[der] or nil
end

-- What carries the key exchange: its text, and its strength as the bits of an RSA key.
local function exchange_of(info, flight, protocol)
  if protocol == "TLSv1.3" then
    local group = probe.group_of(flight.server_hello)
    return group, 3072
  end
  local data = flight.server_key_exchange and flight.server_key_exchange.data
  local result = data and info.server_key_exchange and info.server_key_exchange(data, protocol)
  if result then
    if result.ecdhparams then
      return result.ecdhparams.curve_params.curve, tls.rsa_equiv("ec", result.strength)
    elseif result.dhparams then
      return "dh " .. result.strength, result.strength
    elseif result.rsa then
      return "rsa " .. result.strength, result.strength
    end
  end
  local cert = certificate_of(flight)
  if cert and not info.anon then
    local kind, bits = cert.pubkey.type, cert.pubkey.bits
    return kind .. " " .. bits, tls.rsa_equiv(kind, bits) or bits
  end
end

local function cap(score, at, warn, text)
  warn(text)
  return math.min(score, at)
end

-- The score of a suite; warnings go to `warn(text)`.
local function score_of(info, kex_bits, protocol, warn)
  local score = (kex_score(kex_bits) * 3 + cipher_score(info.size or 0) * 4) / 7
  if info.anon then
    score = cap(score, 0, warn, "Anonymous key exchange, score capped at F")
  end
  if info.size == 0 then
    score = 0
  end
  if info.export then
    warn("Export key exchange")
  end
  if info.cipher == "RC4" then
    score = cap(score, 64, warn, "Broken cipher RC4 is deprecated by RFC 7465")
  elseif info.mode == "CBC" and info.block_size and info.block_size <= 64 then
    warn("64-bit block cipher " .. info.cipher .. " vulnerable to SWEET32 attack")
  end
  if info.hash == "MD5" then
    warn("Ciphersuite uses MD5 for message integrity")
  end
  if protocol == "SSLv3" and info.mode == "CBC" then
    warn("CBC-mode cipher in SSLv3 (CVE-2014-3566)")
  end
  return score
end

local function signature_warning(cert, warn)
  local algorithm = cert and cert.sig_algorithm and cert.sig_algorithm:lower() or ""
  if algorithm:find("md5", 1, true) or algorithm:find("md2", 1, true) then
    warn("Insecure certificate signature (MD5), score capped at F")
    return 0
  elseif algorithm:find("sha1", 1, true) then
    warn("Insecure certificate signature (SHA1), score capped at F")
    return 0
  end
  return 100
end

-- The key exchange should not be the weaker part.
local function exchange_warning(cert, kex, bits, warn)
  local equivalent = cert and tls.rsa_equiv(cert.pubkey.type, cert.pubkey.bits)
  if kex and equivalent and bits < equivalent then
    warn("Key exchange (" .. kex .. ") of lower strength than certificate key")
  end
end

-- Output ------------------------------------------------------------------------------------------

local cipher_mt = {
  __tostring = function(t)
    local kex = rawget(t, "kex_info")
    return t.name .. (kex and " (" .. kex .. ")" or "") .. " - " .. t.strength
  end,
}

-- The suites in the order of the server's choice.
local function preferred(asker, protocol, names)
  local _, in_order = accepted_of(asker, protocol, names)
  if #in_order < #names then
    error("the server takes fewer cipher suites when it is asked again", 0)
  end
  return in_order
end

local function protocol_output(asker, protocol)
  local flights, names = all_accepted(asker, protocol)
  if #names == 0 then
    return nil
  end
  local preference, obstacle = preference_of(asker, protocol, names)
  if preference == "server" then
    names = preferred(asker, protocol, names)
  end
  local warnings, ciphers, worst, forward = {}, {}, 100, false
  local function warn(text)
    warnings[text] = true
  end
  for _, name in ipairs(names) do
    local info = tls.cipher_info(name)
    local kex, bits = exchange_of(info, flights[name], protocol)
    local strength = "unknown"
    if bits then
      local score = score_of(info, bits, protocol, warn)
      if not info.anon then
        local cert = certificate_of(flights[name])
        score = math.min(score, signature_warning(cert, warn))
        exchange_warning(cert, kex, bits, warn)
      end
      worst, strength = math.min(worst, score), grade_of(score)
    end
    ciphers[#ciphers + 1] = setmetatable({ name = name, kex_info = kex, strength = strength },
      cipher_mt)
    forward = forward or info.pfs
  end
  if not forward then
    warn("Forward Secrecy not supported by any cipher")
  end
  local output = stdnse.output_table()
  output.ciphers = ciphers
  if protocol ~= "TLSv1.3" then
    output.compressors = compressors_of(asker, protocol, names)
  end
  output["cipher preference"] = preference
  output["cipher preference error"] = obstacle
  local list = {}
  for text in pairs(warnings) do
    list[#list + 1] = text
  end
  table.sort(list)
  output.warnings = #list > 0 and list or nil
  return output, worst
end

function action(host, port)
  local asker, results = probe.asker(host, port), {}
  asker:each(protocols, function(protocol)
    results[protocol] = { protocol_output(asker, protocol) }
  end)
  local output, worst = stdnse.output_table(), 100
  for _, protocol in ipairs(protocols) do
    local result, score = table.unpack(results[protocol])
    if result then
      output[protocol] = result
      worst = math.min(worst, score)
    end
  end
  if #output == 0 then
    return nil
  end
  output["least strength"] = grade_of(worst)
  return output
end
