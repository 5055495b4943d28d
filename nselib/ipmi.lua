--- IPMI 2.0 over a network (Intelligent Platform Management Interface Specification, revision 1.1):
-- requests and replies before anyone logs in: channel authentication capabilities (22.13), RMCP+
-- open session (13.17) and RAKP messages 1 and 2 (13.20, 13.21).

local openssl = require "openssl"
local ipairs, string = ipairs, string

local M = {}

--- Payload types of RMCP+ (table 13-16).
M.PAYLOADS = {
  IPMI = 0, SOL = 1, RMCPPLUSOPEN_REQ = 0x10, RMCPPLUSOPEN_REP = 0x11, RAKP1 = 0x12, RAKP2 = 0x13,
  RAKP3 = 0x14, RAKP4 = 0x15,
}

--- Status codes of RMCP+ and RAKP (table 13-15).
M.RMCP_ERRORS = {
  [1] = "no resources for a session", [2] = "unknown session id", [3] = "unknown payload type",
  [4] = "unknown authentication algorithm", [5] = "unknown integrity algorithm",
  [6] = "no such authentication payload", [7] = "no such integrity payload",
  [8] = "session id not in use", [9] = "no such role", [10] = "no such role or privilege",
  [11] = "no resources for a session at this role", [12] = "wrong length of the name",
  [13] = "no such user", [14] = "no such GUID", [15] = "integrity check failed",
  [16] = "no such confidentiality algorithm", [17] = "no such cipher suite", [18] = "bad parameter",
}

local rmcp = "\6\0\xff\7"

local function checksum(bytes)
  local sum = 0
  for i = 1, #bytes do
    sum = sum + string.byte(bytes, i)
  end
  return string.char(-sum & 0xff)
end

--- Get Channel Authentication Capabilities of the channel that one asks on, privilege
-- administrator, with the bit that asks for IPMI 2.0.
function M.channel_auth_request()
  local to, body = "\x20\x18", "\x81\0\x38\x8e\4"
  local message = to .. checksum(to) .. body .. checksum(body)
  return rmcp .. "\0" .. string.pack("<I4I4", 0, 0) .. string.pack("s1", message)
end

--- The header of an RMCP+ packet outside a session, up to the payload's length.
function M.rmcpplus_header(payload_type)
  return rmcp .. string.pack("<BBI4I4", 6, payload_type, 0, 0)
end

local function open_request(console_session_id, authentication, integrity, confidentiality)
  local payload = "\0\0\0\0" .. console_session_id
  for kind, algorithm in ipairs({ authentication, integrity, confidentiality }) do
    payload = payload .. string.pack("<BI2BBI3", kind - 1, 0, 8, algorithm, 0)
  end
  return M.rmcpplus_header(M.PAYLOADS.RMCPPLUSOPEN_REQ) .. string.pack("<s2", payload)
end

--- RMCP+ Open Session with RAKP-HMAC-SHA1, HMAC-SHA1-96 and AES-CBC-128.
function M.session_open_request(console_session_id)
  return open_request(console_session_id, 1, 1, 1)
end

--- The same with cipher suite 0: no authentication at all.
function M.session_open_cipher_zero_request(console_session_id)
  return open_request(console_session_id or "\xa0\xa2\xa3\xa4", 0, 0, 0)
end

--- RAKP message 1: asks the controller to prove that it knows a user's password.
function M.rakp_1_request(bmc_session_id, console_random_id, username)
  local payload = "\0\0\0\0" .. bmc_session_id .. console_random_id .. "\x14\0\0"
    .. string.pack("s1", username)
  return M.rmcpplus_header(M.PAYLOADS.RAKP1) .. string.pack("<s2", payload)
end

--- What the key exchange authentication code of RAKP message 2 is computed over.
function M.rakp_hmac_sha1_salt(con_sid, bmc_sid, con_rid, bmc_rid, bmc_gid, auth_level, username)
  return con_sid .. bmc_sid .. con_rid .. bmc_rid .. bmc_gid .. string.char(auth_level)
    .. string.pack("s1", username)
end

--- Whether a password gives this code.
function M.verify_rakp_hmac_sha1(salt, hash, password)
  return openssl.hmac("SHA1", password, salt) == hash
end

-- Replies -----------------------------------------------------------------------------------------

local function bit(value, n)
  return value >> n & 1 == 1
end

local function compatibility(info, value)
  info.ipmi_compat_none, info.ipmi_compat_md2 = bit(value, 0), bit(value, 1)
  info.ipmi_compat_md5, info.ipmi_compat_password = bit(value, 2), bit(value, 4)
  info.ipmi_compat_oem_auth, info.ipmi_compat_20 = bit(value, 5), bit(value, 7)
end

local function users(info, value)
  info.ipmi_user_anonymous, info.ipmi_user_null = bit(value, 0), bit(value, 1)
  info.ipmi_user_non_null, info.ipmi_user_disable_user_auth = bit(value, 2), bit(value, 3)
  info.ipmi_user_disable_message_auth, info.ipmi_user_kg = bit(value, 4), bit(value, 5)
end

--- What Get Channel Authentication Capabilities tells: fields ipmi_command (56),
-- ipmi_completion_code, ipmi_channel, ipmi_compat_20/md5/md2/none/password/oem_auth,
-- ipmi_user_anonymous/null/non_null/disable_user_auth/disable_message_auth/kg, ipmi_conn_15/20,
-- ipmi_oem_id. An empty table when it is no such reply.
function M.parse_channel_auth_reply(reply)
  local info = {}
  -- RMCP (4), session header without authentication (10), addresses and sums (5), command
  if #reply < 21 or string.sub(reply, 1, 1) ~= "\6" or string.byte(reply, 5) ~= 0 then
    return info
  end
  info.ipmi_command, info.ipmi_completion_code = string.byte(reply, 20, 21)
  if #reply < 29 then
    return info
  end
  info.ipmi_channel = string.byte(reply, 22)
  compatibility(info, string.byte(reply, 23))
  users(info, string.byte(reply, 24))
  local version = string.byte(reply, 25)
  info.ipmi_conn_15, info.ipmi_conn_20 = bit(version, 0), bit(version, 1)
  info.ipmi_oem_id = string.unpack("<I3", reply, 26)
  return info
end

-- The payload of an RMCP+ packet outside a session, and its type.
local function payload_of(reply)
  if #reply < 16 or string.byte(reply, 5) ~= 6 then
    return nil
  end
  local kind, length = string.byte(reply, 6) & 0x3f, string.unpack("<I2", reply, 15)
  return string.sub(reply, 17, 16 + length), kind
end

--- What a reply to RMCP+ Open Session says: session_payload_type, error_code, console_session_id,
-- bmc_session_id (nil in a refusal). An empty table when it is none.
function M.parse_open_session_reply(reply)
  local payload, kind = payload_of(reply)
  if not payload or #payload < 2 then
    return {}
  end
  return {
    session_payload_type = kind, error_code = string.byte(payload, 2),
    console_session_id = #payload >= 8 and string.sub(payload, 5, 8) or nil,
    bmc_session_id = #payload >= 12 and string.sub(payload, 9, 12) or nil,
  }
end

--- What RAKP message 2 says: session_payload_type, error_code, console_session_id, bmc_random_id,
-- bmc_guid, hmac_sha1.
function M.parse_rakp_1_reply(reply)
  local payload, kind = payload_of(reply)
  if not payload or #payload < 8 then
    return {}
  end
  local info = { session_payload_type = kind, error_code = string.byte(payload, 2),
    console_session_id = string.sub(payload, 5, 8) }
  if #payload >= 60 then
    info.bmc_random_id, info.bmc_guid = string.sub(payload, 9, 24), string.sub(payload, 25, 40)
    info.hmac_sha1 = string.sub(payload, 41, 60)
  end
  return info
end

return M
