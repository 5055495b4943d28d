description = [[
Shows where a TLS server uses Diffie-Hellman groups that are too small, were not generated properly, or
keys that nobody signs: the export suites (Logjam, CVE-2015-4000), groups below 2048 bits (RFC 9325,
section 4.1), moduli that are no safe primes, and anonymous key exchange.
]]
---
-- @output
-- | ssl-dh-params:
-- |   VULNERABLE:
-- |   Diffie-Hellman group of less than 2048 bits
-- |     State: VULNERABLE
-- |     Check results:
-- |       WEAK DH GROUP 1
-- |             Cipher Suite: TLS_DHE_RSA_WITH_AES_128_CBC_SHA
-- |             Modulus Type: Safe prime
-- |             Modulus Source: RFC2409/Oakley Group 2
-- |             Modulus Length: 1024
-- |             Generator Length: 8
-- |_            Public Key Length: 1024

author = "Muster"
license = "Apache-2.0"
categories = { "intrusive", "vuln" }

identity = {}
volatile = {}
finding = "medium"

local openssl = require "openssl"
local probe = require "tls.probe"
local shortport = require "shortport"
local sslcert = require "sslcert"
local stdnse = require "stdnse"
local tls = require "tls"
local vulns = require "vulns"

function portrule(host, port)
  return shortport.ssl(host, port) or sslcert.getPrepareTLSWithoutReconnect(port) ~= nil
end

local protocols = { "TLSv1.2", "TLSv1.1", "TLSv1.0", "SSLv3" }
-- Servers stumble over hellos that offer too much at once.
local offer_max = 64
local bits_min = 2048
-- To tell whether larger numbers are prime takes seconds.
local tested_max = 4096

-- SHA-1 of the moduli that standards name, as computed from their formulas.
local sources = {
  ["4989e5469b40416dc5afb739c747e32b40cc5c77"] = "RFC2409/Oakley Group 1",
  ["c033bd4351fba3732545ea2e016d52b0fc3e69ec"] = "RFC2409/Oakley Group 2",
  ["49ecaba9727a1af0636082c467485a1a9a04b669"] = "RFC3526/Oakley Group 5",
  ["b95c799aa5dd388c6df5e72398cb9d7df40519e4"] = "RFC3526/Oakley Group 14",
  ["941a047738fe55333369e2b386b6d618c9fca5ff"] = "RFC3526/Oakley Group 15",
  ["2d8abef2bff635f80498b7b5e9576d520e523ef6"] = "RFC3526/Oakley Group 16",
  ["530d2c7cb09e547f2f501265aadc846fbbccf2c3"] = "RFC3526/Oakley Group 17",
  ["016170c528b306c9bb17b5ffacab0fe7eacad705"] = "RFC3526/Oakley Group 18",
  ["917e173a9bad540b570224d291f78eba8f247d84"] = "RFC7919/ffdhe2048",
  ["3686595ebbcccd1e370299ed5b4f3bbf68e08136"] = "RFC7919/ffdhe3072",
  ["f2b02a2e9ea9399e7f31114fc50aa4f5143f03ab"] = "RFC7919/ffdhe4096",
  ["1dea47b069005af4159facd1b0339ed5530dae59"] = "RFC7919/ffdhe6144",
  ["fb5ac1cbaf49e83031c86c91823c4b64d09cdb46"] = "RFC7919/ffdhe8192",
}

-- Suites with ephemeral Diffie-Hellman over integers, by what is wrong with them.
local function suites()
  local kinds = { anonymous = {}, export = {}, signed = {} }
  for name in pairs(tls.CIPHERS) do
    local info = tls.cipher_info(name)
    if info.type == "dh" and info.server_key_exchange then
      local kind = info.anon and "anonymous" or info.export and "export" or "signed"
      table.insert(kinds[kind], name)
    end
  end
  for _, list in pairs(kinds) do
    table.sort(list)
  end
  return kinds
end

-- The group that a server uses when it is offered these suites only: { cipher, p, g, y }, or nil.
local function offered(asker, protocol, ciphers)
  local flight = asker:ask({ protocol = protocol, ciphers = ciphers, host = asker.host,
    extensions = probe.extensions(protocol) })
  local hello, message = flight and flight.server_hello, flight and flight.server_key_exchange
  local info = hello and message and hello.protocol == protocol and tls.cipher_info(hello.cipher)
  local read = info and info.server_key_exchange and info.server_key_exchange(message.data, protocol)
  local group = read and read.dhparams
  if group then
    return { cipher = hello.cipher, p = group.p:gsub("^\0+", ""), g = group.g:gsub("^\0+", ""),
      y = group.y:gsub("^\0+", "") }
  end
end

local function group_of(asker, ciphers)
  for _, protocol in ipairs(protocols) do
    for from = 1, #ciphers, offer_max do
      local group = offered(asker, protocol, { table.unpack(ciphers, from, from + offer_max - 1) })
      if group then
        return group
      end
    end
  end
end

local function assess(group)
  local number = #group.p * 8 <= tested_max and openssl.bignum_bin2bn(group.p)
  group.bits = #group.p * 8
  group.source = sources[stdnse.tohex(openssl.sha1(group.p))] or "Unknown/Custom-generated"
  if sources[stdnse.tohex(openssl.sha1(group.p))] then
    group.kind = "Safe prime"
  elseif not number then
    group.kind = "Not tested"
  elseif not openssl.bignum_is_prime(number) then
    group.kind = "Composite"
  else
    group.kind = openssl.bignum_is_safe_prime(number) and "Safe prime" or "Non-safe prime"
  end
end

-- Which key is drawn, and with it whether it begins with zero bytes, is chance; servers send them
-- or leave them out. So a key that lacks no more than that is as long as the modulus.
local function key_bits(group)
  local missing = #group.p - #group.y
  return (missing > 0 and missing <= 4 and #group.p or #group.y) * 8
end

local function results(title, group)
  local indent = (" "):rep(6)
  return { title .. " GROUP 1", indent .. "Cipher Suite: " .. group.cipher,
    indent .. "Modulus Type: " .. group.kind, indent .. "Modulus Source: " .. group.source,
    indent .. "Modulus Length: " .. group.bits, indent .. "Generator Length: " .. #group.g * 8,
    indent .. "Public Key Length: " .. key_bits(group) }
end

local checks = {
  { kind = "anonymous", title = "Diffie-Hellman key exchange that nobody signs", label = "ANONYMOUS DH",
    holds = function()
      return true
    end,
    text = "Whoever stands between client and server can be either for the other.",
    references = { "https://www.rfc-editor.org/rfc/rfc9325" } },
  { kind = "export", title = "Export suites with Diffie-Hellman (Logjam)", label = "EXPORT-GRADE DH",
    IDS = { CVE = "CVE-2015-4000" },
    holds = function()
      return true
    end,
    text = "Whoever stands between can make both sides use a group that was broken long ago.",
    references = { "https://weakdh.org" } },
  { kind = "signed", title = "Diffie-Hellman group of less than 2048 bits", label = "WEAK DH",
    holds = function(group)
      return group.bits < bits_min
    end,
    text = "Small groups, above all those that many servers share, can be broken in advance.",
    references = { "https://weakdh.org", "https://www.rfc-editor.org/rfc/rfc9325" } },
  { kind = "signed", title = "Diffie-Hellman modulus that is no safe prime", label = "UNSAFE DH",
    holds = function(group)
      return group.kind == "Composite" and vulns.STATE.VULN
        or group.kind == "Non-safe prime" and vulns.STATE.LIKELY_VULN
    end,
    text = "Where the modulus minus one has small factors, so has the secret.",
    references = { "https://weakdh.org" } },
}

local function report_of(check, group)
  local state = group and check.holds(group)
  return {
    title = check.title, IDS = check.IDS, description = check.text, references = check.references,
    state = state == true and vulns.STATE.VULN or state or vulns.STATE.NOT_VULN,
    check_results = state and results(check.label, group) or nil,
  }
end

function action(host, port)
  local asker, groups, ciphers = probe.asker(host, port), {}, suites()
  probe.expect(asker, host, port)
  asker:each({ "anonymous", "export", "signed" }, function(kind)
    groups[kind] = group_of(asker, ciphers[kind])
  end)
  for _, group in pairs(groups) do
    assess(group)
  end
  if not next(groups) then
    return nil
  end
  local list = {}
  for i, check in ipairs(checks) do
    list[i] = report_of(check, groups[check.kind])
  end
  return vulns.Report:new(SCRIPT_NAME, host, port):make_output(table.unpack(list))
end
