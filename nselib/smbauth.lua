--- NTLM (MS-NLMP): hashes, responses, and the messages in which Windows and Samba tell who they are
-- before anyone logs in.
--
-- A security blob is the token of SMB, HTTP and so on: an NTLMSSP message, maybe inside SPNEGO (RFC
-- 4178).

local ipairs, nmap = ipairs, require "nmap"
local pcall, rand, require, stdnse = pcall, require "rand", require, require "stdnse"
local string, table, type, unicode = string, table, type, require "unicode"
local has_openssl, openssl = pcall(require, "openssl")

local M = {}

-- Hashes ------------------------------------------------------------------------------------------

--- The NTLM hash of a password: MD4 of its UTF-16 text.
function M.ntlm_create_hash(password)
  return true, openssl.md4(unicode.utf8to16(password or ""))
end

local function des(key, data)
  return openssl.encrypt("DES-ECB", openssl.DES_string_to_key(key), nil, data)
end

-- DES with three keys made of a hash of 16 bytes and zeros.
local function des_response(hash, challenge)
  local keys = hash .. "\0\0\0\0\0"
  return des(string.sub(keys, 1, 7), challenge) .. des(string.sub(keys, 8, 14), challenge)
    .. des(string.sub(keys, 15, 21), challenge)
end

--- The responses of LM and NTLM to a challenge of eight bytes.
function M.lm_create_response(lanman, challenge)
  return true, des_response(lanman, challenge)
end
function M.ntlm_create_response(ntlm, challenge)
  return true, des_response(ntlm, challenge)
end

--- The NTLMv2 hash of a user.
function M.ntlmv2_create_hash(ntlm, username, domain)
  local text = unicode.utf8to16(string.upper(username or "") .. (domain or ""))
  return true, openssl.hmac("md5", ntlm, text)
end

--- The NTLMv2 and LMv2 responses. The client's part is random, of `client_challenge_length` bytes.
function M.ntlmv2_create_response(ntlm, username, domain, challenge, client_challenge_length)
  local _, hash = M.ntlmv2_create_hash(ntlm, username, domain)
  local client = rand.random_string(client_challenge_length or 24)
  return true, openssl.hmac("md5", hash, challenge .. client) .. client
end
function M.lmv2_create_response(ntlm, username, domain, challenge)
  return M.ntlmv2_create_response(ntlm, username, domain, challenge, 8)
end

-- MsvAvTimestamp in a challenge's target information (MS-NLMP, section 2.2.2.1): eight bytes or nil.
local function timestamp_in(info)
  local at = 1
  while at + 3 <= #info do
    local id, length = string.unpack("<I2I2", info, at)
    if id == 7 and length == 8 and at + 11 <= #info then
      return string.sub(info, at + 4, at + 11)
    elseif id == 0 then
      return nil
    end
    at = at + 4 + length
  end
end

--- The NTLMv2 response to a challenge with target information (MS-NLMP, section 3.3.2), the only one
-- that servers take by default: LM response, NTLM response, session key. `account`: username, domain;
-- `client`: eight bytes, else random ones.
function M.ntlmv2_target_response(ntlm, account, challenge, info, client)
  client = client or rand.random_string(8)
  local _, hash = M.ntlmv2_create_hash(ntlm, account.username, account.domain)
  local time = timestamp_in(info)
  local blob = "\1\1\0\0\0\0\0\0" .. (time or string.rep("\0", 8)) .. client .. "\0\0\0\0" .. info
    .. "\0\0\0\0"
  local lm = time and string.rep("\0", 24) or openssl.hmac("md5", hash, challenge .. client) .. client
  local proof = openssl.hmac("md5", hash, challenge .. blob)
  return lm, proof .. blob, openssl.hmac("md5", hash, proof)
end

--- The response of NTLM with a session key of both sides (NTLM2 session): NTLM response, LM
-- response.
function M.ntlmv2_session_response(ntlm_password_hash, challenge)
  local client = rand.random_string(8)
  local session = string.sub(openssl.md5(challenge .. client), 1, 8)
  return true, des_response(ntlm_password_hash, session), client .. string.rep("\0", 16)
end

--- The keys with which SMB messages are signed, and a signature.
function M.ntlm_create_mac_key(ntlm_hash, ntlm_response, is_extended)
  local key = openssl.md4(ntlm_hash)
  return is_extended and key or key .. ntlm_response
end
function M.lm_create_mac_key(lm_hash, lm_response, is_extended)
  local key = string.sub(lm_hash, 1, 8) .. string.rep("\0", 8)
  return is_extended and key or key .. lm_response
end
function M.calculate_signature(mac_key, data)
  return string.sub(openssl.md5((mac_key or "") .. data), 1, 8)
end

--- What answers a challenge for an account: LM response, NTLM response, key for signing.
function M.get_password_response(_ip, username, domain, password, password_hash, hash_type,
  challenge, is_extended)
  if not has_openssl or (password == nil and password_hash == nil) or hash_type == "none" then
    return "", "", ""
  end
  local hash = password_hash and stdnse.fromhex(string.sub(password_hash, -32))
    or openssl.md4(unicode.utf8to16(password))
  local ntlm, lm, _
  if hash_type == "v2" then
    _, lm = M.lmv2_create_response(hash, username, domain, challenge)
    _, ntlm = M.ntlmv2_create_response(hash, username, domain, challenge, 24)
    return lm, ntlm, ""
  end
  _, ntlm = M.ntlm_create_response(hash, challenge)
  return ntlm, ntlm, M.ntlm_create_mac_key(hash, ntlm, is_extended)
end

-- Accounts ----------------------------------------------------------------------------------------

local function accounts_of(host)
  local address = type(host) == "table" and host.ip or host
  nmap.registry.smb_accounts = nmap.registry.smb_accounts or {}
  local kept = nmap.registry.smb_accounts
  kept[address] = kept[address] or { list = {}, at = 1 }
  return kept[address]
end

--- Makes the accounts of a host ready: those of the script arguments (smbusername, smbdomain,
-- smbpassword, smbhash), guest and anonymous.
function M.init_account(host)
  local accounts = accounts_of(host)
  if accounts.ready then
    return
  end
  accounts.ready = true
  M.add_account(host, "", "", "", nil, "none")
  M.add_account(host, "guest", "", "", nil, nil)
  local user, domain, password, hash, kind =
    stdnse.get_script_args("smbusername", "smbdomain", "smbpassword", "smbhash", "smbtype")
  if user then
    M.add_account(host, user, domain or "", password, hash, kind)
  end
end

--- Adds an account; the one added last is used first.
function M.add_account(host, username, domain, password, password_hash, hash_type, is_admin)
  local accounts = accounts_of(host)
  table.insert(accounts.list, 1, {
    username = username, domain = domain or "", password = password, password_hash = password_hash
    and string.lower(password_hash),
    hash_type = hash_type or "ntlm", is_admin = is_admin,
  })
  accounts.at = 1
end

--- The account in use: `true, username, domain, password, password_hash, hash_type`; `false,
-- reason` when there is none left.
function M.get_account(host)
  M.init_account(host)
  local accounts = accounts_of(host)
  local account = accounts.list[accounts.at]
  if not account then
    return false, "no accounts left to try"
  end
  return true, account.username, account.domain, account.password, account.password_hash,
    account.hash_type
end

--- Goes to the next account: true, or false when there is none left.
function M.next_account(host, num)
  local accounts = accounts_of(host)
  accounts.at = num or accounts.at + 1
  return accounts.list[accounts.at] ~= nil
end

-- Messages ----------------------------------------------------------------------------------------

local signature = "NTLMSSP\0"

-- NEGOTIATE_MESSAGE: we speak Unicode and ask who they are.
local function negotiate_message()
  local flags = 0x00000001 | 0x00000002 | 0x00000004 | 0x00000200 | 0x00008000 | 0x00080000
    | 0x02000000 | 0x20000000
    | 0x80000000
  return signature .. string.pack("<I4I4", 1, flags) .. string.rep("\0", 16) .. "\6\1\0\0\0\0\0\15"
end

local function field(length, offset)
  return string.pack("<I2I2I4", length, length, offset)
end

-- AUTHENTICATE_MESSAGE.
local function authenticate_message(lm, ntlm, domain, username, flags)
  local workstation = unicode.utf8to16("MUSTER")
  domain, username = unicode.utf8to16(domain or ""), unicode.utf8to16(username or "")
  local offset = 64
  local fields, payload = {}, {}
  for i, part in ipairs({ lm, ntlm, domain, username, workstation, "" }) do
    fields[i] = field(#part, offset)
    payload[i] = part
    offset = offset + #part
  end
  return signature .. string.pack("<I4", 3) .. table.concat(fields) .. string.pack("<I4", flags)
    .. table.concat(payload)
end

-- The NTLMSSP message inside a blob: from the signature on.
local function ntlmssp_of(blob)
  local at = string.find(blob or "", signature, 1, true)
  return at and string.sub(blob, at) or nil
end

local function challenge_of(blob)
  local message = ntlmssp_of(blob)
  if not message or #message < 32 then
    return nil
  end
  local kind, _, _, _, flags, challenge = string.unpack("<I4I2I2I4I4c8", message, 9)
  if kind ~= 2 then
    return nil
  end
  local length, _, offset = 0, nil, 0
  if flags & 0x00800000 ~= 0 and #message >= 48 then
    length, _, offset = string.unpack("<I2I2I4", message, 41)
  end
  return challenge, flags, string.sub(message, offset + 1, offset + length)
end

--- The next message of ours: without a blob the first (NEGOTIATE), to a challenge the third
-- (AUTHENTICATE, with the account's response). `true, message, signing key, username, domain` or
-- `false, reason`.
function M.get_security_blob(security_blob, ip, username, domain, password, password_hash,
  hash_type)
  if not security_blob then
    return true, negotiate_message(), "", "", ""
  end
  local challenge, flags, info = challenge_of(security_blob)
  if not challenge then
    return false, "no NTLM challenge"
  end
  local lm, ntlm, key = M.get_password_response(ip, username, domain, password, password_hash,
    hash_type, challenge, true)
  if username == "" or username == nil then
    lm, ntlm, key = "\0", "", ""
  elseif info ~= "" and #ntlm > 0 then
    local hash = password_hash and stdnse.fromhex(string.sub(password_hash, -32))
      or openssl.md4(unicode.utf8to16(password))
    lm, ntlm, key = M.ntlmv2_target_response(hash, { username = username, domain = domain },
      challenge, info)
  end
  return true, authenticate_message(lm, ntlm, domain, username, flags & ~0x00000010), key, username,
    domain
end

local pair_names = {
  [1] = "netbios_computer_name", [2] = "netbios_domain_name", [3] = "fqdn", [4] = "dns_domain_name",
  [5] = "dns_forest_name", [7] = "timestamp",
}

-- AV_PAIRs (MS-NLMP 2.2.2.1): kind, length, value; kind 0 ends them.
local function read_pairs(info, data)
  local at = 1
  while at + 3 <= #data do
    local kind, length = string.unpack("<I2I2", data, at)
    at = at + 4
    if kind == 0 or at + length - 1 > #data then
      break
    end
    local value, name = string.sub(data, at, at + length - 1), pair_names[kind]
    if name == "timestamp" then
      info.timestamp = #value == 8 and string.unpack("<I8", value) or nil
    elseif name then
      info[name] = unicode.utf16to8(value)
    end
    at = at + length
  end
end

--- What a challenge tells of the host: target_realm, netbios_computer_name, netbios_domain_name,
-- fqdn, dns_domain_name, dns_forest_name, os_major_version, os_minor_version, os_build, timestamp
-- (units of 100 ns since 1601). Empty when the blob is none.
function M.get_host_info_from_security_blob(security_blob)
  local message, info = ntlmssp_of(security_blob), {}
  local _, flags = challenge_of(security_blob)
  if not flags then
    return info
  end
  local function part(at)
    if #message < at + 7 then
      return ""
    end
    local length, _, offset = string.unpack("<I2I2I4", message, at)
    return string.sub(message, offset + 1, offset + length)
  end
  local realm = part(13)
  if realm ~= "" then
    info.target_realm = flags & 1 ~= 0 and unicode.utf16to8(realm) or realm
  end
  if flags & 0x00800000 ~= 0 then
    read_pairs(info, part(41))
  end
  if flags & 0x02000000 ~= 0 and #message >= 56 then
    info.os_major_version, info.os_minor_version,
      info.os_build = string.unpack("<BBI2", message, 49)
  end
  return info
end

return M
