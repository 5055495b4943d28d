--- Cipher suites: their names, what the names mean, and the key exchanges that they use.

local error, ipairs, io, math, nmap = error, ipairs, io, math, require "nmap"
local pairs, pcall, string, tonumber = pairs, pcall, string, tonumber
local registry, table = require "tls.registry", table

local M = {}

-- Names -------------------------------------------------------------------------------------------

-- TLS 1.3 suites name no key exchange; scripts know them with "AKE_WITH_" in that place.
local function script_name(code, name)
  if code >> 8 == 0x13 or code == 0xc6 or code == 0xc7 or code == 0xc0b4 or code == 0xc0b5 then
    return (string.gsub(name, "^TLS_", "TLS_AKE_WITH_"))
  end
  return name
end

local function load_names()
  local ciphers, names = {}, {}
  local path = nmap.fetchfile("nselib/data/tls-ciphers")
  for line in path and io.lines(path) or function() end do
    local hex, name = string.match(line, "^(%x%x%x%x)\t(%S+)")
    local code = hex and tonumber(hex, 16)
    if code and not registry.SCSVS[name] then
      ciphers[script_name(code, name)], names[code] = code, script_name(code, name)
    end
  end
  return ciphers, names
end

--- name -> code and code -> name.
M.CIPHERS, M.NAMES = load_names()

-- Key exchanges in which the server shows a certificate, in the order in which they are offered:
-- some servers give up when the first suite they share needs parameters that they lack.
local certificate_ranks = {
  ECDHE_ECDSA = 1, ECDHE_RSA = 1,
  RSA = 2, RSA_EXPORT = 2, RSA_EXPORT1024 = 2,
  DHE_RSA = 3, DHE_DSS = 3, DHE_RSA_EXPORT = 3, DHE_DSS_EXPORT = 3, DHE_DSS_EXPORT1024 = 3,
  ECDH_ECDSA = 4, ECDH_RSA = 4, DH_RSA = 4, DH_DSS = 4, DH_RSA_EXPORT = 4, DH_DSS_EXPORT = 4,
}

--- The names of all suites of versions before 1.3 in which the server shows a certificate, always in
-- the same order: what a server picks, and so which of its certificates, depends on it.
function M.suites_with_certificate()
  local list, rank = {}, {}
  for name in pairs(M.CIPHERS) do
    rank[name] = certificate_ranks[string.match(name, "^TLS_(.-)_WITH_") or ""]
    list[#list + 1] = rank[name] and name
  end
  table.sort(list, function(a, b)
    if rank[a] ~= rank[b] then
      return rank[a] < rank[b]
    end
    return M.CIPHERS[a] < M.CIPHERS[b]
  end)
  return list
end

-- Key exchanges -----------------------------------------------------------------------------------

-- The signature at the end of a ServerKeyExchange (RFC 5246, section 7.4.3), or nil.
local function read_signed(blob, at, protocol)
  if at > #blob then
    return nil
  end
  local signed = {}
  if protocol == "TLSv1.2" then
    signed.hash_algorithm, signed.signature_algorithm, at = string.unpack("BB", blob, at)
  end
  signed.signature = string.unpack(">s2", blob, at)
  return signed
end

-- A reader of ServerKeyExchange: nil, message for a message that is cut short.
local function reader(read, anonymous)
  return function(blob, protocol)
    local ok, result, at = pcall(read, blob)
    if not ok then
      return nil, "broken ServerKeyExchange"
    end
    if not anonymous then
      local signed_ok, signed = pcall(read_signed, blob, at, protocol)
      result.signed = signed_ok and signed or nil
    end
    return result
  end
end

local function bits_of(bytes)
  bytes = string.gsub(bytes, "^\0+", "")
  return #bytes * 8
end

local function read_dh(blob, at)
  local p, g, y
  p, g, y, at = string.unpack(">s2s2s2", blob, at)
  return { dhparams = { p = p, g = g, y = y }, strength = bits_of(p) }, at
end

local function read_rsa(blob)
  local modulus, exponent, at = string.unpack(">s2s2", blob)
  return { rsa = { modulus = modulus, exponent = exponent }, strength = bits_of(modulus) }, at
end

local curve_types = { "explicit_prime", "explicit_char2", "namedcurve" }
local curve_names = {}
for name, code in pairs(registry.ELLIPTIC_CURVES) do
  curve_names[code] = name
end

-- The size of a curve's field, from its name.
local function curve_bits(name, public)
  if name == "ecdh_x25519" then
    return 256
  elseif name == "ecdh_x448" then
    return 448
  end
  return tonumber(string.match(name or "", "(%d%d%d)") or "")
    or math.max(0, #public - 1) * 4
end

-- ECParameters and point (RFC 8422, section 5.4).
local function read_ecdh(blob, at)
  local kind
  kind, at = string.unpack("B", blob, at)
  local curve_params = { ec_curve_type = curve_types[kind] }
  if kind == 3 then
    local code
    code, at = string.unpack(">I2", blob, at)
    curve_params.curve = curve_names[code] or string.format("unknown_%04x", code)
  elseif kind == 1 then
    curve_params.prime_p, curve_params.a, curve_params.b, curve_params.base, curve_params.order,
      curve_params.cofactor, at = string.unpack(">s1s1s1s1s1s1", blob, at)
  else
    error("curve of a kind that is not read")
  end
  local public
  public, at = string.unpack(">s1", blob, at)
  return {
    ecdhparams = { curve_params = curve_params, public = public },
    strength = curve_bits(curve_params.curve, public),
  }, at
end

local function with_hint(read)
  return function(blob)
    local hint, at = string.unpack(">s2", blob)
    if not read then
      return { psk_identity_hint = hint }, at
    end
    local result, after = read(blob, at)
    result.psk_identity_hint = hint
    return result, after
  end
end

local function read_srp(blob)
  local N, g, s, B, at = string.unpack(">s2s2s1s2", blob)
  return { srp = { N = N, g = g, s = s, B = B }, strength = bits_of(N) }, at
end

-- The server's key_share of TLS 1.3, which stands for a ServerKeyExchange: group and key, or in a
-- HelloRetryRequest the group alone (RFC 8446, section 4.2.8).
local function read_key_share(blob)
  local code, at = string.unpack(">I2", blob)
  local public
  if at <= #blob then
    public, at = string.unpack(">s2", blob, at)
  end
  local curve = curve_names[code] or string.format("unknown_%04x", code)
  return {
    ecdhparams = { curve_params = { ec_curve_type = "namedcurve", curve = curve },
      public = public },
    strength = curve_bits(curve, public or ""),
  }, at
end

local key_share = reader(read_key_share, true)
local dh, ecdh, rsa_export = reader(read_dh), reader(read_ecdh), reader(read_rsa)
local dh_anon, ecdh_anon = reader(read_dh, true), reader(read_ecdh, true)

--- What is known of each key exchange: `pubkey` (kind of the certificate's key), `type` (what
-- carries the exchange: "rsa", "dh", "ec"), `pfs`, `anon`, `export`, and `server_key_exchange(data,
-- protocol)`, which reads the message of that name: a table, or nil and a message. Suites of TLS
-- 1.3 are for it alone (RFC 8446, section 4.1.2), `tls13ok` and `tls13only`; its certificates are
-- encrypted, so there is no `pubkey`.
M.KEX_ALGORITHMS = {
  NULL = { anon = true },
  AKE = { pfs = true, type = "ec", server_key_exchange = key_share, tls13ok = true, tls13only = true },
  RSA = { pubkey = "rsa" },
  RSA_FIPS = { pubkey = "rsa" },
  RSA_EXPORT = { export = true, pubkey = "rsa", type = "rsa", server_key_exchange = rsa_export },
  RSA_EXPORT1024 = { export = true, pubkey = "rsa", type = "rsa",
  server_key_exchange = rsa_export },
  DH_DSS = { pubkey = "dh" },
  DH_RSA = { pubkey = "dh" },
  DH_DSS_EXPORT = { export = true, pubkey = "dh" },
  DH_RSA_EXPORT = { export = true, pubkey = "dh" },
  DHE_DSS = { pfs = true, pubkey = "dsa", type = "dh", server_key_exchange = dh },
  DHE_RSA = { pfs = true, pubkey = "rsa", type = "dh", server_key_exchange = dh },
  DHE_DSS_EXPORT = { pfs = true, export = true, pubkey = "dsa", type = "dh",
  server_key_exchange = dh },
  DHE_DSS_EXPORT1024 = { pfs = true, export = true, pubkey = "dsa", type = "dh",
  server_key_exchange = dh },
  DHE_RSA_EXPORT = { pfs = true, export = true, pubkey = "rsa", type = "dh",
  server_key_exchange = dh },
  DH_anon = { anon = true, type = "dh", server_key_exchange = dh_anon },
  DH_anon_EXPORT = { anon = true, export = true, type = "dh", server_key_exchange = dh_anon },
  ECDH_ECDSA = { pubkey = "ec" },
  ECDH_RSA = { pubkey = "ec" },
  ECDHE_ECDSA = { pfs = true, pubkey = "ec", type = "ec", server_key_exchange = ecdh },
  ECDHE_RSA = { pfs = true, pubkey = "rsa", type = "ec", server_key_exchange = ecdh },
  ECDH_anon = { anon = true, type = "ec", server_key_exchange = ecdh_anon },
  ECDHE_PSK = { pfs = true, type = "ec", server_key_exchange = reader(with_hint(read_ecdh), true) },
  ECCPWD = { pfs = true, type = "ec" },
  PSK = { type = "psk", server_key_exchange = reader(with_hint(), true) },
  RSA_PSK = { pubkey = "rsa", type = "psk", server_key_exchange = reader(with_hint(), true) },
  DHE_PSK = { pfs = true, type = "dh", server_key_exchange = reader(with_hint(read_dh), true) },
  PSK_DHE = { pfs = true, type = "dh", server_key_exchange = reader(with_hint(read_dh), true) },
  SRP_SHA = { pfs = true, type = "srp", server_key_exchange = reader(read_srp, true) },
  SRP_SHA_DSS = { pfs = true, pubkey = "dsa", type = "srp",
  server_key_exchange = reader(read_srp) },
  SRP_SHA_RSA = { pfs = true, pubkey = "rsa", type = "srp",
  server_key_exchange = reader(read_srp) },
  KRB5 = {},
  KRB5_EXPORT = { export = true },
  GOSTR341001 = {},
  GOSTR341094 = {},
}

-- Meanings ----------------------------------------------------------------------------------------

-- cipher -> key bits, block bits; of those whose names do not say it.
local fixed_sizes = {
  ["NULL"] = { 0 }, ["DES"] = { 56, 64 }, ["DES40"] = { 40, 64 }, ["3DES"] = { 112, 64 },
  ["IDEA"] = { 128, 64 },
  ["SEED"] = { 128, 128 }, ["CHACHA20-POLY1305"] = { 256, 128 }, ["SM4"] = { 128, 128 },
  ["28147"] = { 256, 64 },
  ["RC2"] = { 128, 64 }, ["RC4"] = { 128 }, ["FORTEZZA"] = { 80, 64 }, ["MAGMA"] = { 256, 64 },
  ["KUZNYECHIK"] = { 256, 128 },
}

local function parse_cipher(info, text)
  text = string.gsub(text, "3DES_EDE", "3DES")
  text = string.gsub(text, "CHACHA20_POLY1305", "CHACHA20-POLY1305")
  info.cipher = string.match(text, "^([^_]+)")
  local size = tonumber(string.match(text, "_(%d%d%d?)%f[_%z]") or "")
  local fixed = fixed_sizes[info.cipher] or { nil, 128 }
  info.size, info.block_size = size or fixed[1], fixed[2]
  if string.find(text, "CBC", 1, true) then
    info.mode = "CBC"
  else
    info.mode = string.match(text, "(CCM_8)$") or string.match(text, "_(GCM)") or string.match(text,
      "_(CCM)")
      or string.match(text, "_(CNT)") or string.match(text, "_(CTR)") or string.match(text,
        "_(MGM)")
    if not info.mode and info.cipher ~= "NULL" then
      info.mode = "stream"
    end
  end
end

local hashes = { MD5 = true, SHA = true, SHA256 = true, SHA384 = true, SHA512 = true, SM3 = true,
  NULL = true }

--- What a cipher suite's name says: `kex`, `cipher`, `size` (key bits), `block_size` (bits),
-- `mode`, `hash`, and the fields of its key exchange.
function M.cipher_info(name)
  local info = {}
  local kex, rest = string.match(name, "^%u+_(.-)_WITH_(.+)$")
  if not kex then
    info.kex = string.match(name, "^%u+_(.+)$") or name
    return info
  end
  info.kex = kex
  local cipher, hash = string.match(rest, "^(.+)_([^_]+)$")
  if hashes[hash or ""] then
    info.hash = hash
  else
    -- CCM suites of TLS 1.2 do not name their hash, which is SHA-256 (RFC 6655, section 3)
    cipher = rest
    info.hash = string.find(rest, "CCM", 1, true) and "SHA256" or hash
    if rest == "NULL_NULL" then
      info.hash = "NULL"
    end
  end
  parse_cipher(info, cipher or rest)
  for key, value in pairs(M.KEX_ALGORITHMS[kex] or {}) do
    info[key] = value
  end
  return info
end

-- NIST SP 800-57 part 1, table 2: security strength of a key, and the RSA modulus of the same
-- strength.
local ec_to_rsa = { { 160, 1024 }, { 224, 2048 }, { 256, 3072 }, { 384, 7680 }, { 512, 15360 } }

--- The length of an RSA key as strong as a key of `bits` of the kind "rsa", "dh", "dsa" or "ec".
-- nil for others.
function M.rsa_equiv(ktype, bits)
  if ktype == "rsa" or ktype == "dh" or ktype == "dsa" then
    return bits
  elseif ktype ~= "ec" then
    return nil
  end
  local result = bits < 160 and math.max(512, bits * 6) or nil
  for _, row in ipairs(ec_to_rsa) do
    if bits >= row[1] then
      result = row[2]
    end
  end
  return result
end

return M
