--- TLS and SSL 3: records and handshake messages (RFC 5246, RFC 8446), written and read without any
-- secret.
--
-- A record is a table { type, protocol, length, body = { message, ... }, fragment }; a message has
-- a `type` ("server_hello", "certificate", ...) and its fields; of a type that is not read it has
-- `data`. `fragment` holds the begin of a message that goes on in the next record. Functions that
-- read return nil for bytes that are no TLS; none of them throws.

local ipairs, math, next, os, pairs = ipairs, math, next, os, pairs
local pcall, select, setmetatable, string = pcall, select, setmetatable, string
local table, type = table, type
local cipher, rand, registry = require "tls.cipher", require "rand", require "tls.registry"

local M = {}

for name, value in pairs(registry) do
  M[name] = value
end
M.CIPHERS, M.KEX_ALGORITHMS = cipher.CIPHERS, cipher.KEX_ALGORITHMS
M.cipher_info, M.rsa_equiv = cipher.cipher_info, cipher.rsa_equiv
M.suites_with_certificate = cipher.suites_with_certificate

local function inverse(t)
  local result = {}
  for k, v in pairs(t) do
    result[v] = k
  end
  return result
end

local protocol_names = inverse(registry.PROTOCOLS)
local content_names = inverse(registry.TLS_CONTENTTYPE_REGISTRY)
local handshake_names = inverse(registry.TLS_HANDSHAKETYPE_REGISTRY)
local alert_names, level_names = inverse(registry.TLS_ALERT_REGISTRY),
  inverse(registry.TLS_ALERT_LEVELS)
local compressor_names, extension_names = inverse(registry.COMPRESSORS),
  inverse(registry.EXTENSIONS)
extension_names[registry.EXTENSIONS.signature_algorithms] = "signature_algorithms"

-- A record holds at most 2^14 bytes and what encryption adds (RFC 5246, section 6.2.3); a handshake
-- message at most what the longest certificate chain in use needs.
local record_max, message_max = 16384 + 2048, 0x40000

--- What clients of our kind offer when a script does not say.  Elliptic curves first: a server without
-- parameters for finite fields gives up when it has to choose those.
M.DEFAULT_TLS12_CIPHERS = {
  "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
  "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
  "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
  "TLS_RSA_WITH_AES_128_CBC_SHA", "TLS_RSA_WITH_3DES_EDE_CBC_SHA",
  "TLS_DHE_DSS_WITH_3DES_EDE_CBC_SHA",
  "TLS_DHE_RSA_WITH_AES_256_CBC_SHA", "TLS_RSA_WITH_RC4_128_MD5",
}
M.DEFAULT_TLS13_CIPHERS = {
  "TLS_AKE_WITH_AES_128_GCM_SHA256", "TLS_AKE_WITH_AES_256_GCM_SHA384",
  "TLS_AKE_WITH_CHACHA20_POLY1305_SHA256",
}
M.DEFAULT_ELLIPTIC_CURVES = { "secp256r1", "secp384r1", "secp521r1", "ecdh_x25519", "ffdhe2048" }

-- Extensions --------------------------------------------------------------------------------------

local function numbers(format, names, codes)
  local out = {}
  for i, name in ipairs(names) do
    out[i] = string.pack(format, type(name) == "number" and name or codes[name])
  end
  return table.concat(out)
end

--- The data of an extension from what it says in names; one function for each extension that we
-- write.
M.EXTENSION_HELPERS = {
  server_name = function(name)
    -- ServerNameList of one HostName (RFC 6066, section 3)
    return string.pack(">s2", string.pack(">Bs2", 0, name))
  end,
  elliptic_curves = function(curves)
    return string.pack(">s2", numbers(">I2", curves, registry.ELLIPTIC_CURVES))
  end,
  ec_point_formats = function(formats)
    return string.pack(">s1", numbers("B", formats, registry.EC_POINT_FORMATS))
  end,
  signature_algorithms = function(pairs_of_names)
    local out = {}
    for i, pair in ipairs(pairs_of_names) do
      local hash = registry.HashAlgorithms[pair[1]] or pair[1]
      out[i] = string.pack("BB", hash, registry.SignatureAlgorithms[pair[2]] or pair[2])
    end
    return string.pack(">s2", table.concat(out))
  end,
  signature_algorithms_13 = function(schemes)
    return string.pack(">s2", numbers(">I2", schemes, registry.SignatureSchemes))
  end,
  application_layer_protocol_negotiation = function(protocols)
    local out = {}
    for i, protocol in ipairs(protocols) do
      out[i] = string.pack(">s1", protocol)
    end
    return string.pack(">s2", table.concat(out))
  end,
  supported_versions = function(versions)
    return string.pack(">s1", numbers(">I2", versions, registry.PROTOCOLS))
  end,
}
-- The rest are given as bytes.
setmetatable(M.EXTENSION_HELPERS, {
  __index = function(_, name)
    return registry.EXTENSIONS[name] and function(data)
      return data or ""
    end or nil
  end,
})
for _, name in ipairs({ "next_protocol_negotiation", "status_request", "max_fragment_length",
  "truncated_hmac",
  "client_certificate_url", "trusted_ca_keys" }) do
  M.EXTENSION_HELPERS[name] = function(data)
    return data or ""
  end
end

--- The name that a client may put into server_name for a host: the name by which the user called
-- it, or nil.
function M.servername(host)
  return type(host) == "table" and host.targetname or nil
end

-- Writing -----------------------------------------------------------------------------------------

-- What records and hellos call a version: TLS 1.3 says 1.2 there, and its own name in an extension
-- (RFC 8446, sections 4.1.2 and 5.1).
local function legacy_version(protocol)
  return math.min(registry.PROTOCOLS[protocol], registry.PROTOCOLS["TLSv1.2"])
end

--- A record: type and protocol by name, body as bytes.
function M.record_write(type_name, protocol, body)
  local content = registry.TLS_CONTENTTYPE_REGISTRY[type_name]
  return string.pack(">BI2s2", content, legacy_version(protocol), body)
end

local default_signatures = {}
for _, hash in ipairs({ "sha512", "sha384", "sha256", "sha1" }) do
  for _, signature in ipairs({ "rsa", "ecdsa", "dsa" }) do
    default_signatures[#default_signatures + 1] = { hash, signature }
  end
end

local default_schemes = {
  "rsa_pkcs1_sha256", "rsa_pkcs1_sha512", "ecdsa_secp256r1_sha256", "ecdsa_secp521r1_sha512",
  "rsa_pss_rsae_sha256",
  "rsa_pss_rsae_sha384", "rsa_pss_rsae_sha512", "ed25519", "ed448", "rsa_pss_pss_sha256",
  "rsa_pss_pss_sha512",
  "rsa_pkcs1_sha1", "ecdsa_sha1",
}

-- Any 32 bytes are a public key of X25519, so a server of TLS 1.3 answers with its choices at once.
local function key_share()
  local entry = string.pack(">I2s2", registry.ELLIPTIC_CURVES.ecdh_x25519, rand.random_string(32))
  return string.pack(">s2", entry)
end

-- Does a list of suites (nil: ours) have some with elliptic curves?
local function has_curves(names)
  for _, name in ipairs(names or {}) do
    if string.find(name, "^TLS_ECDH") then
      return true
    end
  end
  return not names
end

-- The extensions that a hello needs and the script did not give. OpenSSL takes no suite with
-- elliptic curves from who names none, though RFC 8422 (section 4) leaves it free to.
local function complete_extensions(given, protocol, ciphers)
  local extensions = {}
  for name, data in pairs(given or {}) do
    extensions[name] = data
  end
  local helpers = M.EXTENSION_HELPERS
  if protocol ~= "TLSv1.3" and has_curves(ciphers) then
    extensions.elliptic_curves = extensions.elliptic_curves
      or helpers.elliptic_curves(M.DEFAULT_ELLIPTIC_CURVES)
    extensions.ec_point_formats = extensions.ec_point_formats
      or helpers.ec_point_formats({ "uncompressed" })
  end
  if protocol == "TLSv1.3" then
    extensions.supported_versions = extensions.supported_versions
      or helpers.supported_versions({ "TLSv1.3", "TLSv1.2", "TLSv1.1", "TLSv1.0" })
    extensions.elliptic_curves = extensions.elliptic_curves
      or helpers.elliptic_curves(M.DEFAULT_ELLIPTIC_CURVES)
    extensions.key_share = extensions.key_share or key_share()
    if not (extensions.signature_algorithms or extensions.signature_algorithms_13) then
      extensions.signature_algorithms_13 = helpers.signature_algorithms_13(default_schemes)
    end
  elseif protocol == "TLSv1.2" and not extensions.signature_algorithms then
    extensions.signature_algorithms = helpers.signature_algorithms(default_signatures)
  end
  return extensions
end

local function extension_bytes(extensions)
  local names, out = {}, {}
  for name in pairs(extensions) do
    names[#names + 1] = name
  end
  table.sort(names, function(a, b)
    return (registry.EXTENSIONS[a] or a) < (registry.EXTENSIONS[b] or b)
  end)
  for _, name in ipairs(names) do
    out[#out + 1] = string.pack(">I2s2", registry.EXTENSIONS[name] or name, extensions[name])
  end
  return string.pack(">s2", table.concat(out))
end

local function cipher_codes(names, protocol)
  if not names then
    names = {}
    for _, name in ipairs(protocol == "TLSv1.3" and M.DEFAULT_TLS13_CIPHERS or {}) do
      names[#names + 1] = name
    end
    for _, name in ipairs(M.DEFAULT_TLS12_CIPHERS) do
      names[#names + 1] = name
    end
  end
  local out = {}
  for i, name in ipairs(names) do
    local code = type(name) == "number" and name or cipher.CIPHERS[name] or registry.SCSVS[name]
    out[i] = string.pack(">I2", code)
  end
  return table.concat(out)
end

--- A record with a ClientHello. Fields of `t`, all optional: `protocol` ("TLSv1.2"),
-- `record_protocol`, `ciphers` (names), `compressors` (names), `extensions` (name -> data),
-- `session_id`, `host` (for server_name).
function M.client_hello(t)
  t = t or {}
  local protocol = t.protocol or "TLSv1.2"
  local version = legacy_version(protocol)
  local session_id = t.session_id or protocol == "TLSv1.3" and rand.random_string(32) or ""
  local body = string.pack(">I2I4", version, os.time() & 0xffffffff) .. rand.random_string(28)
    .. string.pack(">s1s2s1", session_id, cipher_codes(t.ciphers, protocol),
      numbers("B", t.compressors or { "NULL" }, registry.COMPRESSORS))
  if protocol ~= "SSLv3" then
    local given = t.extensions or {}
    local name = t.host and M.servername(t.host)
    if name and not given.server_name then
      given = setmetatable({ server_name = M.EXTENSION_HELPERS.server_name(name) },
        { __index = t.extensions })
      for key, data in pairs(t.extensions or {}) do
        given[key] = data
      end
    end
    local extensions = complete_extensions(given, protocol, t.ciphers)
    if next(extensions) then
      body = body .. extension_bytes(extensions)
    end
  end
  local message = string.pack(">Bs3", registry.TLS_HANDSHAKETYPE_REGISTRY.client_hello, body)
  local record_protocol = t.record_protocol or protocol == "SSLv3" and "SSLv3" or "TLSv1.0"
  return M.record_write("handshake", record_protocol, message)
end

-- Reading -----------------------------------------------------------------------------------------

-- Extensions up to msg_end: name (or number) -> data.
local function read_extensions(buffer, at, msg_end)
  local extensions = {}
  if at + 1 > msg_end then
    return extensions
  end
  local list = string.unpack(">s2", buffer, at)
  local i = 1
  while i + 3 <= #list do
    local code, data
    code, data, i = string.unpack(">I2s2", list, i)
    extensions[extension_names[code] or code] = data
  end
  return extensions
end

local function cipher_name(code)
  return cipher.NAMES[code] or string.format("0x%04X", code)
end

--- Readers of handshake messages: (buffer, start, last + 1, protocol) -> table. They may throw on
-- broken bytes; `record_read` catches that.
M.handshake_parse = {
  server_hello = function(buffer, j, msg_end)
    local b = {}
    local version, code, compressor
    version, b.time, b.random, b.session_id, code, compressor, j = string.unpack(">I2I4c28s1I2B",
      buffer, j)
    b.protocol = protocol_names[version] or string.format("0x%04X", version)
    b.cipher = cipher_name(code)
    b.compressor = compressor_names[compressor] or compressor
    b.extensions = read_extensions(buffer, j, msg_end - 1)
    local chosen = b.extensions.supported_versions
    if chosen and #chosen == 2 then
      local number = string.unpack(">I2", chosen)
      b.protocol = protocol_names[number] or string.format("0x%04X", number)
    end
    return b, msg_end
  end,

  certificate = function(buffer, j, msg_end, protocol)
    local b = { certificates = {} }
    if protocol == "TLSv1.3" then
      b.certificate_request_context, j = string.unpack(">s1", buffer, j)
    end
    local list = string.unpack(">s3", buffer, j)
    local i = 1
    while i + 2 <= #list do
      b.certificates[#b.certificates + 1], i = string.unpack(">s3", list, i)
      if protocol == "TLSv1.3" then
        i = select(2, string.unpack(">s2", list, i))
      end
    end
    return b, msg_end
  end,

  NewSessionTicket = function(buffer, j, msg_end)
    local b = {}
    b.ticket_lifetime_hint, b.ticket = string.unpack(">I4s2", buffer, j)
    return b, msg_end
  end,
}

local function parse_handshake(buffer, at, protocol)
  if at + 3 > #buffer then
    return nil
  end
  local kind, length, j = string.unpack(">BI3", buffer, at)
  if length > message_max or j + length - 1 > #buffer then
    return nil
  end
  local name = handshake_names[kind] or kind
  local message
  local parse = M.handshake_parse[name]
  if parse then
    local ok, result = pcall(parse, string.sub(buffer, 1, j + length - 1), j, j + length, protocol)
    message = ok and result or nil
  end
  message = message or { data = string.sub(buffer, j, j + length - 1) }
  message.type = name
  return message, j + length
end

--- Readers of what records carry: (buffer, start, protocol) -> message, position after it; nil when
-- it is not whole.
M.message_parse = {
  alert = function(buffer, j)
    if j + 1 > #buffer then
      return nil
    end
    local level, description, after = string.unpack("BB", buffer, j)
    return {
      level = level_names[level] or level, description = alert_names[description] or description,
    }, after
  end,
  handshake = parse_handshake,
  heartbeat = function(buffer, j)
    if j + 2 > #buffer then
      return nil
    end
    local kind, payload_length = string.unpack(">BI2", buffer, j)
    return { type = kind, payload_length = payload_length, data = string.sub(buffer, j + 3) },
      #buffer + 1
  end,
}

--- The messages in `buffer` from `i` on, put into the record `h`: `h.body`, and `h.fragment` for
-- what is not whole. Returns the record.
function M.parse_messages(buffer, i, h)
  local parse = M.message_parse[h.type]
  while i <= #buffer do
    local message, after
    if parse then
      message, after = parse(buffer, i, h.protocol)
    else
      message, after = { data = string.sub(buffer, i) }, #buffer + 1
    end
    if not message then
      h.fragment = string.sub(buffer, i)
      break
    end
    h.body[#h.body + 1] = message
    i = after
  end
  return h
end

--- Reads the record at `i` (1): the position after it and the record; `i, nil` when there is none
-- or it is not whole. `fragment`: what the record before left over.
function M.record_read(buffer, i, fragment)
  i = i or 1
  if #buffer - i < 4 then
    return i, nil
  end
  local content, version, length = string.unpack(">BI2I2", buffer, i)
  local h = {
    type = content_names[content] or content, protocol = protocol_names[version], length = length,
    body = {},
  }
  if not content_names[content] or not h.protocol or length > record_max
    or i + 4 + length > #buffer then
    return i, nil
  end
  local body = (fragment or "") .. string.sub(buffer, i + 5, i + 4 + length)
  return i + 5 + length, M.parse_messages(body, 1, h)
end

--- Receives until `buffer` (nil: empty) holds a whole record from `i` (1) on. `true, buffer`, or
-- `false, reason`; bytes that are no TLS record are a reason.
function M.record_buffer(sock, buffer, i)
  buffer, i = buffer or "", i or 1
  local function receive()
    local status, data = sock:receive()
    if not status then
      return false, data
    end
    buffer = buffer .. data
    return true
  end
  while true do
    local wanted = 5
    if #buffer - i >= 4 then
      local content, version, length = string.unpack(">BI2I2", buffer, i)
      if not content_names[content] or not protocol_names[version] or length > record_max then
        return false, "no TLS record"
      end
      wanted = 5 + length
    end
    if #buffer - i + 1 >= wanted then
      return true, buffer
    end
    local status, reason = receive()
    if not status then
      return false, reason
    end
  end
end

--- May a server that was offered `proto_version` answer in records of `received_version`?
function M.record_version_ok(received_version, proto_version)
  return received_version == proto_version or proto_version == "TLSv1.3"
    and received_version == "TLSv1.2"
end

return M
