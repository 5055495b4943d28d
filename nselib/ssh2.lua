--- SSH 2 as far as the server speaks before anyone logs in: identification, algorithms, host keys
-- (RFC 4253, RFC 4419, RFC 5656, RFC 8731).
--
-- The key exchange is driven only to the server's reply, which holds the host key. No secret is
-- computed, so any valid public value does: random bytes for X25519, the generator of P-256, a
-- random number for Diffie-Hellman.

local ipairs, math, pcall, string = ipairs, math, pcall, string
local table, type = table, type
local base64, comm, match, rand = require "base64", require "comm", require "match", require "rand"
local stdnse = require "stdnse"
local has_openssl, openssl = pcall(require, "openssl")

local M = {}

--- Packets: making and reading them. Payloads are strings.
M.transport = {}
local transport = M.transport

--- Message numbers (RFC 4250, section 4.1).
M.SSH2 = {
  SSH_MSG_DISCONNECT = 1, SSH_MSG_IGNORE = 2, SSH_MSG_DEBUG = 4, SSH_MSG_KEXINIT = 20,
  SSH_MSG_NEWKEYS = 21,
  SSH_MSG_KEXDH_INIT = 30, SSH_MSG_KEXDH_REPLY = 31, SSH_MSG_KEX_DH_GEX_GROUP = 31,
  SSH_MSG_KEX_DH_GEX_INIT = 32,
  SSH_MSG_KEX_DH_GEX_REPLY = 33, SSH_MSG_KEX_DH_GEX_REQUEST = 34,
}
local SSH2 = M.SSH2

local packet_max = 262144
local our_identification = "SSH-2.0-Muster"

--- Where the first packet in a buffer ends, for `socket:receive_buf`.
function M.check_packet_length(buffer)
  if #buffer < 5 then
    return nil
  end
  local total = string.unpack(">I4", buffer) + 4
  if total > packet_max then
    -- what came is no packet; it is taken as it is, and `payload` refuses it
    return #buffer, #buffer
  end
  if #buffer < total then
    return nil
  end
  return total, total
end

--- The text of a multiple-precision integer (RFC 4251, section 5) of a bignum, or of its bytes.
function transport.pack_mpint(bn)
  local bytes = type(bn) == "string" and string.gsub(bn, "^\0+", "") or openssl.bignum_bn2bin(bn)
  if #bytes > 0 and string.byte(bytes) >= 0x80 then
    bytes = "\0" .. bytes
  end
  return string.pack(">s4", bytes)
end

--- The packet of a payload, before encryption: length, padding to a multiple of eight.
function transport.build(payload)
  local padding = 8 - (#payload + 5) % 8
  if padding < 4 then
    padding = padding + 8
  end
  return string.pack(">I4B", #payload + padding + 1, padding) .. payload
    .. rand.random_string(padding)
end

--- The payload of a packet, or nil when it is broken.
function transport.payload(packet)
  if #packet < 6 then
    return nil
  end
  local length, padding = string.unpack(">I4B", packet)
  if length > packet_max or length + 4 > #packet or padding + 1 > length then
    return nil
  end
  return string.sub(packet, 6, 4 + length - padding)
end

--- Receives one packet: `true, packet` or `false, reason`.
function transport.receive_packet(socket)
  local status, packet = socket:receive_buf(M.check_packet_length, true)
  if not status then
    return false, packet
  end
  return true, packet
end

local kex_lists = {
  "kex_algorithms", "server_host_key_algorithms", "encryption_algorithms_client_to_server",
  "encryption_algorithms_server_to_client", "mac_algorithms_client_to_server",
  "mac_algorithms_server_to_client",
  "compression_algorithms_client_to_server", "compression_algorithms_server_to_client",
  "languages_client_to_server", "languages_server_to_client",
}

local function names(list)
  return table.concat(list, ",")
end

local ciphers = names({
  "aes128-ctr", "aes192-ctr", "aes256-ctr", "aes128-gcm@openssh.com",
  "chacha20-poly1305@openssh.com", "aes128-cbc", "aes256-cbc", "3des-cbc", "blowfish-cbc",
  "arcfour",
})
local macs = names({
  "hmac-sha2-256", "hmac-sha2-512", "hmac-sha1", "hmac-md5", "hmac-sha2-256-etm@openssh.com",
  "umac-64@openssh.com",
})
local defaults = {
  kex_algorithms = names({
    "curve25519-sha256", "curve25519-sha256@libssh.org", "ecdh-sha2-nistp256",
    "diffie-hellman-group14-sha256", "diffie-hellman-group14-sha1",
    "diffie-hellman-group16-sha512", "diffie-hellman-group-exchange-sha256",
    "diffie-hellman-group-exchange-sha1", "diffie-hellman-group1-sha1",
  }),
  server_host_key_algorithms = names({
    "ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521",
    "rsa-sha2-512", "rsa-sha2-256", "ssh-rsa", "ssh-dss",
  }),
  encryption_algorithms_client_to_server = ciphers,
  encryption_algorithms_server_to_client = ciphers,
  mac_algorithms_client_to_server = macs, mac_algorithms_server_to_client = macs,
  compression_algorithms_client_to_server = "none,zlib,zlib@openssh.com",
  compression_algorithms_server_to_client = "none,zlib,zlib@openssh.com",
}

--- The payload of a KEXINIT. `options`: `cookie` (16 bytes) and the lists above under their names,
-- each a text with commas; `host_key_algorithms` and `encryption_algorithms` and so on are accepted
-- for both directions.
function transport.kex_init(options)
  options = options or {}
  local out = { string.pack("B", SSH2.SSH_MSG_KEXINIT), options.cookie or rand.random_string(16) }
  for _, name in ipairs(kex_lists) do
    local both = string.gsub(string.gsub(name, "_%a+_to_%a+$", ""), "^server_", "")
    out[#out + 1] = string.pack(">s4", options[name] or options[both] or defaults[name] or "")
  end
  out[#out + 1] = "\0\0\0\0\0"
  return table.concat(out)
end

--- A KEXINIT taken apart: `cookie`, the lists (texts with commas) under their names,
-- `first_kex_packet_follows` (boolean). nil when the payload is none.
function transport.parse_kex_init(payload)
  if not payload or #payload < 17 or string.byte(payload) ~= SSH2.SSH_MSG_KEXINIT then
    return nil
  end
  local parsed, at = { cookie = string.sub(payload, 2, 17) }, 18
  for _, name in ipairs(kex_lists) do
    if at + 3 > #payload then
      return nil
    end
    local length = string.unpack(">I4", payload, at)
    if length > #payload - at - 3 then
      return nil
    end
    parsed[name], at = string.unpack(">s4", payload, at)
  end
  parsed.first_kex_packet_follows = string.byte(payload, at) ~= 0
  return parsed
end

--- The payload of KEXDH_INIT and of KEX_DH_GEX_INIT, with the public value `e` (bignum or bytes).
function transport.kexdh_init(e)
  return string.pack("B", SSH2.SSH_MSG_KEXDH_INIT) .. transport.pack_mpint(e)
end
function transport.kexdh_gex_init(e)
  return string.pack("B", SSH2.SSH_MSG_KEX_DH_GEX_INIT) .. transport.pack_mpint(e)
end

-- Talking -----------------------------------------------------------------------------------------

--- Connects and exchanges identifications: `true, socket, identification` or `false, reason`. Lines
-- that a server sends before its own (RFC 4253, section 4.2) are skipped.
function M.connect(host, port)
  local socket, reason = comm.opencon(host, port, nil, { connect_only = true, proto = "tcp" })
  if not socket then
    return false, reason
  end
  socket:send(our_identification .. "\r\n")
  for _ = 1, 50 do
    local status, line = socket:receive_buf(match.pattern_limit("\r?\n", 4096), false)
    if not status then
      socket:close()
      return false, line
    elseif string.find(line, "^SSH%-") then
      -- 1.99 is version 2 that takes version 1, too; one of version 1 alone ends the connection
      if string.find(line, "^SSH%-1%.%d%-") then
        socket:close()
        return false, "SSH 1 alone"
      end
      return true, socket, line
    end
  end
  socket:close()
  return false, "no SSH identification"
end

-- The next packet that means something: type, payload; or nil, reason.
local function next_payload(socket)
  for _ = 1, 20 do
    local status, packet = transport.receive_packet(socket)
    if not status then
      return nil, packet
    end
    local payload = transport.payload(packet)
    if not payload or #payload == 0 then
      return nil, "broken packet"
    end
    local kind = string.byte(payload)
    if kind == SSH2.SSH_MSG_DISCONNECT then
      return nil, "the server disconnected"
    elseif kind ~= SSH2.SSH_MSG_IGNORE and kind ~= SSH2.SSH_MSG_DEBUG then
      return kind, payload
    end
  end
  return nil, "too many packets that mean nothing"
end

--- Sends our KEXINIT and reads the server's: parsed (see `transport.parse_kex_init`), or nil,
-- reason.
function M.exchange_kex_init(socket, options)
  socket:send(transport.build(transport.kex_init(options)))
  local kind, payload = next_payload(socket)
  if not kind then
    return nil, payload
  end
  local parsed = transport.parse_kex_init(payload)
  return parsed, not parsed and "no KEXINIT" or nil
end

local function split(list)
  local result, set = {}, {}
  for name in string.gmatch(list, "[^,]+") do
    result[#result + 1], set[name] = name, true
  end
  return result, set
end

-- The first of ours that the server has too (RFC 4253, section 7.1).
local function agree(ours, theirs)
  local _, set = split(theirs)
  for _, name in ipairs((split(ours))) do
    if set[name] then
      return name
    end
  end
end

-- A number below any modulus of at least `bits` bits, with enough bits set for servers that count
-- them.
local function random_below(bits)
  return "\x40" .. rand.random_string((bits - 16) // 8)
end

-- x and y of the generator of P-256 (FIPS 186-4, D.1.2.3), as an uncompressed point.
local p256_generator = stdnse.fromhex("04"
  .. "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
  .. "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5")

local function group_exchange(socket)
  socket:send(transport.build(string.pack(">BI4I4I4", SSH2.SSH_MSG_KEX_DH_GEX_REQUEST, 1024, 2048,
    8192)))
  local kind, payload = next_payload(socket)
  if kind ~= SSH2.SSH_MSG_KEX_DH_GEX_GROUP or #payload < 8 then
    return nil
  end
  local length = string.unpack(">I4", payload, 2)
  return transport.kexdh_gex_init(random_below(math.max(512, math.min(length, 2048) * 8 - 16)))
end

-- Our first message of a key exchange.
local function first_message(algorithm, socket)
  if string.find(algorithm, "^curve25519") then
    return string.pack(">Bs4", SSH2.SSH_MSG_KEXDH_INIT, rand.random_string(32))
  elseif algorithm == "ecdh-sha2-nistp256" then
    return string.pack(">Bs4", SSH2.SSH_MSG_KEXDH_INIT, p256_generator)
  elseif string.find(algorithm, "group%-exchange") then
    return group_exchange(socket)
  elseif string.find(algorithm, "group1%-") then
    return transport.kexdh_init(random_below(1024))
  end
  return transport.kexdh_init(random_below(2048))
end

-- Keys --------------------------------------------------------------------------------------------

local function bits_of(bytes)
  bytes = string.gsub(bytes, "^\0+", "")
  local first, n = string.byte(bytes) or 0, (#bytes - 1) * 8
  while first > 0 do
    first, n = first >> 1, n + 1
  end
  return math.max(n, 0)
end

local key_readers = {
  ["ssh-rsa"] = function(blob, at)
    local _, modulus = string.unpack(">s4s4", blob, at)
    return "RSA", bits_of(modulus)
  end,
  ["ssh-dss"] = function(blob, at)
    return "DSA", bits_of((string.unpack(">s4", blob, at)))
  end,
  ["ssh-ed25519"] = function()
    return "ED25519", 256
  end,
  ["ssh-ed448"] = function()
    return "ED448", 456
  end,
}
for _, size in ipairs({ "256", "384", "521" }) do
  key_readers["ecdsa-sha2-nistp" .. size] = function()
    return "ECDSA", math.tointeger(size + 0)
  end
end

--- A public key from its blob (RFC 4253, section 6.6): { key = base64 text, key_type, algorithm =
-- "RSA" and so on, bits, fp_input = the blob, full_key = "type base64", fingerprint = MD5 in bytes,
-- fp_sha256 }. nil when it is broken.
function M.parse_key(blob)
  local ok, key_type, at = pcall(string.unpack, ">s4", blob)
  local reader = ok and key_readers[key_type]
  if not reader then
    return nil
  end
  local read_ok, algorithm, bits = pcall(reader, blob, at)
  if not read_ok then
    return nil
  end
  local text = base64.enc(blob)
  return {
    key = text, key_type = key_type, algorithm = algorithm, bits = bits, fp_input = blob,
    full_key = key_type .. " " .. text,
    fingerprint = has_openssl and openssl.md5(blob) or nil,
    fp_sha256 = has_openssl and openssl.digest("sha256", blob) or nil,
  }
end

-- RSA keys sign with three algorithms; modern servers refuse the oldest.
local signature_algorithms = {
  ["ssh-rsa"] = "rsa-sha2-512,rsa-sha2-256,ssh-rsa",
}

local function fetch(socket, key_type)
  local wanted = signature_algorithms[key_type] or key_type
  local theirs, reason = M.exchange_kex_init(socket, { server_host_key_algorithms = wanted })
  if not theirs then
    return nil, reason
  end
  local algorithm = agree(defaults.kex_algorithms, theirs.kex_algorithms)
  if not algorithm then
    return nil, "no key exchange in common"
  elseif not agree(wanted, theirs.server_host_key_algorithms) then
    return nil, "the server has no key of this type"
  end
  local message = first_message(algorithm, socket)
  if not message then
    return nil, "no group"
  end
  socket:send(transport.build(message))
  local kind, payload = next_payload(socket)
  if kind ~= SSH2.SSH_MSG_KEXDH_REPLY and kind ~= SSH2.SSH_MSG_KEX_DH_GEX_REPLY then
    return nil, kind and "no reply to the key exchange" or payload
  end
  local ok, blob = pcall(string.unpack, ">s4", payload, 2)
  local key = ok and M.parse_key(blob)
  return key or nil, not key and "no key" or nil
end

--- The host key of a type ("ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa", "ssh-dss", ...): a
-- table as `parse_key` gives it; nil, reason when the server has none or does not speak SSH 2.
function M.fetch_host_key(host, port, key_type)
  local status, socket = M.connect(host, port)
  if not status then
    return nil, socket
  end
  local key, reason = fetch(socket, key_type)
  socket:close()
  return key, reason
end

return M
