--- SMB 1 (MS-CIFS, MS-SMB): transport, negotiation, sessions, trees. What is needed to know what a
-- host is and what it accepts; SMB 2 and 3 are in smb2.
--
-- A state (`smbstate`) is the table that `start` gives; the functions keep in it what was
-- negotiated: `security_mode`, `capabilities`, `time`, `date`, `timezone_str`, `server_guid`,
-- `domain`, `server`, `os`, `lanmanager`, `uid`, `tid`, ...

local asker, datetime, error, ipairs = require "asker", require "datetime", error, ipairs
local math, netbios = math, require "netbios"
local nmap, pairs, pcall = require "nmap", pairs, pcall
local rand, require, smbauth = require "rand", require, require "smbauth"
local string, table, type, unicode = string, table, type, require "unicode"
local match, message, stringaux = require "match", require "smb.message", require "stringaux"

local M = {}

for _, part in ipairs({ message, (require "smb.files"), (require "smb.find") }) do
  for name, value in pairs(part) do
    M[name] = value
  end
end
local exchange = message.exchange

-- Silence -----------------------------------------------------------------------------------------

local names = { "microsoft-ds", "netbios-ssn", "smb" }

--- Is SMB known to be there: has the host agreed on a version in this visit, or was a port of it
-- recognised?
function M.is_expected(host)
  if (host.registry or {}).smb_answers then
    return true
  end
  local port = nmap.get_port_state(host, { number = M.get_port(host), protocol = "tcp" })
  return port ~= nil and asker.is_recognised(port, names)
end

-- Does the host agree on SMB 1, or on a version of SMB 2, now?
local function agrees(host, version)
  local status, state = M.start(host)
  if not status then
    return false
  end
  status = (version == 1 and M.negotiate_v1 or require "smb2".negotiate_v2)(state)
  M.stop(state)
  return status
end

-- Does the host speak the other of SMB 1 and 2 alone? Then it is silent for good, or ends the
-- connection.
local function refuses(host, version)
  return agrees(host, 3 - version) and not agrees(host, version)
end

--- The end of a script whose first question, of SMB 1 or 2, got no answer, for `reason` (as
-- asker.unanswered). The end of the connection is a refusal: so servers do that do not speak the
-- version.
function M.unanswered(host, version, reason)
  if asker.kind_of(reason) == asker.SILENT and M.is_expected(host) and not refuses(host, version) then
    return asker.broken_off(reason)
  end
  return nil
end

-- Transport ---------------------------------------------------------------------------------------

--- The port on which a host speaks SMB: 445, else 139; nil when neither is open.
function M.get_port(host)
  for _, number in ipairs({ 445, 139 }) do
    local port = nmap.get_port_state(host, { number = number, protocol = "tcp" })
    if port and port.state == "open" then
      return number
    end
  end
  local udp = nmap.get_port_state(host, { number = 137, protocol = "udp" })
  if udp and udp.state == "open" then
    return 445
  end
end

local function connect(host, number)
  local socket = nmap.new_socket()
  socket:set_timeout(10000)
  local status, reason = socket:connect(host, number, "tcp")
  if not status then
    socket:close()
    return nil, reason
  end
  return socket
end

local function encoded(name)
  return netbios.name_encode(name) .. "\0"
end

-- SESSION REQUEST of RFC 1002, section 4.3.2.
local function request_session(socket, name)
  local body = encoded(name) .. encoded("MUSTER")
  socket:send(string.pack(">BBs2", 0x81, 0, body))
  local status, reply = socket:receive_buf(match.numbytes(4), true)
  if not status then
    return false, reply
  end
  return string.byte(reply) == 0x82, "the NetBIOS session was refused"
end

local function new_state(host, socket, number)
  return {
    host = host, ip = type(host) == "table" and host.ip or host, port = number, socket = socket,
    uid = 0, tid = 0, mid = 1, pid = rand.random_integer(1, 0xfffe), sequence = -1,
    extended_security = true,
  }
end

--- Remembers that a host speaks SMB, for `is_expected`.
function M.has_answered(state)
  if type(state.host) == "table" and state.host.registry then
    state.host.registry.smb_answers = true
  end
end

--- Connects on port 445: `true, state` or `false, reason`.
function M.start_raw(host, port)
  local socket, reason = connect(host, port)
  if not socket then
    return false, reason
  end
  return true, new_state(host, socket, port)
end

--- Connects on port 139, under the host's own name or the one that every server takes.
function M.start_netbios(host, port, name)
  local names = { name, "*SMBSERVER" }
  if not name then
    local status, own = netbios.get_server_name(host)
    names = { status and own or nil, "*SMBSERVER" }
    if not names[1] then
      names = { "*SMBSERVER" }
    end
  end
  local reason
  for _, called in ipairs(names) do
    local socket, ok
    socket, reason = connect(host, port)
    if not socket then
      return false, reason
    end
    ok, reason = request_session(socket, called)
    if ok then
      return true, new_state(host, socket, port)
    end
    socket:close()
  end
  return false, reason
end

--- Connects to a host: `true, state` or `false, reason`.
function M.start(host)
  local number = M.get_port(host)
  if not number then
    return false, "no port of SMB is open"
  elseif number == 139 then
    return M.start_netbios(host, number)
  end
  return M.start_raw(host, number)
end

--- Connects and does what is asked for: negotiation, session, tree, file. `true, state` or `false,
-- reason`.
function M.start_ex(host, bool_negotiate_protocol, bool_start_session, str_tree_connect,
  str_create_file,
  bool_disable_extended, overrides)
  local status, state = M.start(host)
  if not status then
    return false, state
  end
  if bool_disable_extended then
    M.disable_extended(state)
  end
  local reason
  for _, step in ipairs({
    { bool_negotiate_protocol, M.negotiate_protocol, overrides },
    { bool_start_session, M.start_session, overrides },
    { str_tree_connect, M.tree_connect, str_tree_connect, overrides },
    { str_create_file, M.create_file, str_create_file, overrides },
  }) do
    if step[1] then
      status, reason = step[2](state, step[3], step[4])
      if not status then
        M.stop(state)
        return false, reason
      end
    end
  end
  return true, state
end

--- Ends a session: leaves the tree, logs off, closes. True, or false when there was nothing to
-- close. Also of a state that msrpc.start_smb gave.
function M.stop(smb)
  if smb.session then
    return require "smb.v2".close(smb.session) or true
  end
  if smb.tid ~= 0 then
    M.tree_disconnect(smb)
  end
  if smb.uid ~= 0 then
    M.logoff(smb)
  end
  if smb.socket then
    smb.socket:close()
    smb.socket = nil
    return true
  end
  return false, "not connected"
end

--- No NTLMSSP in this session: servers tell other things then.
function M.disable_extended(smb)
  smb.extended_security = false
end

-- Negotiation -------------------------------------------------------------------------------------

-- Units of 100 ns since 1601, and minutes to UTC, as the texts that scripts show.
local function set_time(smb, filetime, minutes)
  smb.time = filetime // 10000000 - 11644473600
  smb.timezone = -minutes / 60
  smb.timezone_str = "UTC" .. (smb.timezone < 0 and "-" or "+")
    .. string.format("%.f", math.abs(smb.timezone))
  smb.date = datetime.format_timestamp(smb.time) or "N/A"
end

-- SMB_FLAGS2_UNICODE in the header of an answer (MS-CIFS 2.2.3.1): is its text Unicode?  Old
-- servers write a byte for each character.
local function has_unicode(header)
  return string.unpack("<I2", header, 11) & 0x8000 ~= 0
end

-- Where the text that begins at `at` ends, with its zero.
local function text_end(data, at, wide)
  local first = string.find(data, wide and "\0\0" or "\0", at, true)
  -- the two zeros must stand on even places
  while wide and first and (first - at) % 2 == 1 do
    first = string.find(data, "\0\0", first + 1, true)
  end
  return first and first + (wide and 1 or 0) or #data
end

local function two_strings(data, wide)
  local out, at = {}, 1
  while #out < 2 and at <= #data do
    local last = text_end(data, at, wide)
    local text = string.sub(data, at, last)
    out[#out + 1] = wide and unicode.utf16to8(text)
      or unicode.transcode(text, unicode.cp437_dec, unicode.utf8_enc)
    at = last + 1
  end
  return out[1], out[2]
end

local function parse_negotiation(smb, parameters, data, header)
  local filetime, minutes, key_length
  smb.dialect = string.unpack("<I2", parameters)
  if smb.dialect == 0xffff then
    return nil, "the server takes none of our dialects"
  end
  smb.security_mode, smb.max_mpx, smb.max_vc, smb.max_buffer, smb.max_raw_buffer, smb.session_key,
    smb.capabilities,
    filetime, minutes, key_length = string.unpack("<BI2I2I4I4I4I4I8i2B", parameters, 3)
  smb.key_length, smb.byte_count = key_length, 0
  set_time(smb, filetime, minutes)
  if smb.capabilities & 0x80000000 ~= 0 and smb.extended_security then
    smb.server_guid = string.sub(data, 1, 16)
    smb.security_blob = string.sub(data, 17)
  else
    smb.extended_security = false
    smb.server_challenge = string.sub(data, 1, key_length)
    -- in this one answer the capability counts as well: some leave the flag out of its header
    local wide = smb.capabilities & 4 ~= 0 or has_unicode(header)
    smb.domain, smb.server = two_strings(string.sub(data, key_length + 1), wide)
  end
  return true
end

--- Agrees on the dialect "NT LM 0.12" (or `overrides.dialects`): true, or false and the reason.
function M.negotiate_v1(smb, overrides)
  overrides = overrides or {}
  local dialects = overrides.dialects or "NT LM 0.12"
  local data = {}
  for _, dialect in ipairs(type(dialects) == "table" and dialects or { dialects }) do
    data[#data + 1] = "\2" .. dialect .. "\0"
  end
  local status, reply, parameters, data_in = exchange(smb, "SMB_COM_NEGOTIATE", "",
    table.concat(data), overrides)
  if not status then
    return false, reply
  elseif status ~= 0 then
    return false, M.get_status_name(status)
  end
  local ok, result, reason = pcall(parse_negotiation, smb, parameters, data_in, reply)
  if not ok then
    return false, "broken answer to the negotiation"
  elseif not result then
    return false, reason
  end
  M.has_answered(smb)
  return true, overrides.dialects and dialects or nil
end

function M.negotiate_protocol(smb, overrides)
  return M.negotiate_v1(smb, overrides)
end

-- Agrees on one dialect, on a connection of its own: a kind of the library asker, then the state or
-- nil, reason.
local function agree_once(host, dialect, overrides)
  local status, state = M.start(host)
  if not status then
    return asker.SILENT, nil, state
  end
  local ok, agreed
  if dialect == "NT LM 0.12" then
    ok, agreed = M.negotiate_v1(state, overrides)
    agreed = ok and dialect or agreed
  else
    ok, agreed = require "smb2".negotiate_v2(state, { Dialects = { dialect } })
  end
  M.stop(state)
  if not ok then
    return asker.kind_of(agreed), nil, agreed
  end
  return asker.ANSWERED, agreed == dialect and state or nil
end

--- Which of `dialects` ("NT LM 0.12", or numbers of SMB 2) a host takes: a table from each of them
-- to the state after the negotiation; nil when it answers nothing. An error when it no longer does.
function M.agreed(host, dialects, overrides)
  local server, states = asker.new(function(dialect)
    return agree_once(host, dialect, overrides)
  end), {}
  server.expected = M.is_expected(host)
  function server.answers()
    return dialects[1] ~= "NT LM 0.12" and refuses(host, 2)
  end
  server:each(dialects, function(dialect)
    states[dialect] = server:ask(dialect)
  end)
  return server.known and states or nil
end

--- The dialects that a host takes, SMB 1 first: `true, { "NT LM 0.12", "202", ... }` or `false,
-- reason`.
function M.list_dialects(host, overrides)
  local smb2, found = require "smb2", {}
  local all = smb2.dialects()
  table.insert(all, 1, "NT LM 0.12")
  local states = M.agreed(host, all, overrides)
  if not states then
    return false, "the host answers nothing"
  end
  for _, dialect in ipairs(all) do
    if states[dialect] then
      found[#found + 1] = dialect == "NT LM 0.12" and dialect or smb2.dialect_name(dialect)
    end
  end
  return true, found
end

-- Sessions ----------------------------------------------------------------------------------------

-- `place`: of the data in the message.
local function read_os_strings(smb, header, data, place)
  local wide = has_unicode(header)
  -- Unicode strings begin on an even place of the message (MS-CIFS 2.2.4.53.2)
  local system, manager = two_strings(wide and place % 2 == 1 and string.sub(data, 2) or data, wide)
  local function clean(s)
    return s and stringaux.trim_end(s, "%z") or nil
  end
  smb.os, smb.lanmanager = clean(system), clean(manager)
end

local function setup_extended(smb, account)
  local blob_in, status, reply
  for _ = 1, 4 do
    local ok, blob = smbauth.get_security_blob(blob_in, smb.ip, account.username, account.domain,
      account.password,
      account.password_hash, account.hash_type)
    if not ok then
      return false, blob
    end
    local parameters = string.pack("<BBI2I2I2I2I4I2I4I4", 0xff, 0, 0, 0xffff, 1, 1, smb.session_key
      or 0, #blob, 0,
      0x80000050)
    local data = blob .. string.rep("\0", #blob % 2 == 0 and 1 or 0)
      .. string.rep(unicode.utf8to16("Muster\0"), 2)
      .. "\0\0"
    local parameters_in, data_in
    status, reply, parameters_in, data_in = exchange(smb, "SMB_COM_SESSION_SETUP_ANDX", parameters,
      data)
    if not status then
      return false, reply
    end
    smb.uid = string.unpack("<I2", reply, 29)
    local length = #parameters_in >= 8 and string.unpack("<I2", parameters_in, 7) or 0
    blob_in = string.sub(data_in, 1, length)
    if #data_in > length then
      read_os_strings(smb, reply, string.sub(data_in, length + 1), #parameters_in + 35 + length)
    end
    for key, value in pairs(smbauth.get_host_info_from_security_blob(blob_in)) do
      smb[key] = value
    end
    smb.fqdn_domain, smb.domain_dns, smb.forest_dns = smb.dns_domain_name, smb.dns_domain_name,
      smb.dns_forest_name
    if status ~= M.status_codes.NT_STATUS_MORE_PROCESSING_REQUIRED then
      break
    end
  end
  return status == 0, status ~= 0 and M.get_status_name(status) or nil
end

local function setup_basic(smb, account)
  local lm, ntlm = smbauth.get_password_response(smb.ip, account.username, account.domain,
    account.password,
    account.password_hash, account.hash_type, smb.server_challenge or "", false)
  local parameters = string.pack("<BBI2I2I2I2I4I2I2I4I4", 0xff, 0, 0, 0xffff, 1, 1, smb.session_key
    or 0, #lm, #ntlm, 0,
    0x50)
  local strings = unicode.utf8to16((account.username or "") .. "\0" .. (account.domain or "")
    .. "\0Muster\0Muster\0")
  local data = lm .. ntlm .. string.rep("\0", (#lm + #ntlm) % 2 == 0 and 1 or 0) .. strings
  local status, reply, parameters_in, data_in = exchange(smb, "SMB_COM_SESSION_SETUP_ANDX",
    parameters, data)
  if not status then
    return false, reply
  elseif status ~= 0 then
    return false, M.get_status_name(status)
  end
  smb.uid = string.unpack("<I2", reply, 29)
  read_os_strings(smb, reply, data_in, #parameters_in + 35)
  return true
end

--- Logs in with the account in use, or that of `overrides` (username, domain, password,
-- password_hash, hash_type); when that fails with the next ones. True, or false and the reason.
function M.start_session(smb, overrides)
  local setup = smb.extended_security and setup_extended or setup_basic
  if overrides and overrides.username then
    return setup(smb, overrides)
  end
  local ok, reason = false, "no account"
  smbauth.init_account(smb.host)
  for _ = 1, 10 do
    local account = {}
    ok, account.username, account.domain, account.password, account.password_hash,
      account.hash_type =
      smbauth.get_account(smb.host)
    if not ok then
      return false, reason
    end
    ok, reason = setup(smb, account)
    if ok then
      smb.account_used = account.username == "" and "<blank>" or account.username
      return true
    end
    smb.uid = 0
    -- another script may have gone on meanwhile
    local _, now = smbauth.get_account(smb.host)
    if now == account.username and not smbauth.next_account(smb.host) then
      return false, reason
    end
  end
  return false, reason
end

--- Logs off.
function M.logoff(smb, overrides)
  local status, reason = exchange(smb, "SMB_COM_LOGOFF_ANDX", "\xff\0\0\0", "", overrides)
  smb.uid = 0
  if status ~= 0 then
    return false, status and M.get_status_name(status) or reason
  end
  return true
end

--- Connects to a share ("IPC$"): true, or false and the reason.
function M.tree_connect(smb, path, overrides)
  local name = string.find(path, "^\\\\") and path or "\\\\" .. smb.ip .. "\\" .. path
  local data = "\0" .. unicode.utf8to16(name .. "\0") .. "?????\0"
  local status, reply = exchange(smb, "SMB_COM_TREE_CONNECT_ANDX",
    string.pack("<BBI2I2I2", 0xff, 0, 0, 0, 1), data,
    overrides)
  if not status then
    return false, reply
  elseif status ~= 0 then
    return false, M.get_status_name(status)
  end
  smb.tid = string.unpack("<I2", reply, 25)
  return true
end

--- Leaves a share.
function M.tree_disconnect(smb, overrides)
  local status, reason = exchange(smb, "SMB_COM_TREE_DISCONNECT", "", "", overrides)
  smb.tid = 0
  if status ~= 0 then
    return false, status and M.get_status_name(status) or reason
  end
  return true
end

-- Accounts, names ---------------------------------------------------------------------------------

--- See smbauth.
M.add_account, M.get_account = smbauth.add_account, smbauth.get_account

--- A table of overrides for `start_session`.
function M.get_overrides(username, domain, password, password_hash, hash_type, overrides)
  overrides = overrides or {}
  overrides.username, overrides.domain, overrides.password = username, domain, password
  overrides.password_hash, overrides.hash_type = password_hash, hash_type
  return overrides
end
function M.get_overrides_anonymous(overrides)
  return M.get_overrides("", "", "", nil, "none", overrides)
end

--- The full name of a share.
function M.get_fqpn(host, sharename)
  return "\\\\" .. (type(host) == "table" and host.ip or host) .. "\\" .. sharename
end

local windows_names = {
  ["Windows 5.0"] = "Windows 2000", ["Windows 5.1"] = "Windows XP",
}

-- Those need msrpc, which needs this file.
local function of_shares(name)
  return function(host, ...)
    return require "smb.shares"[name](host, ...)
  end
end

--- See smb.shares.
M.share_get_list, M.share_get_details = of_shares("get_list"), of_shares("get_details")
M.share_find_writable = of_shares("find_writable")

--- Writing files is not what an inventory is for: scripts that want it end here.
function M.file_write()
  error("this library writes no files to hosts", 0)
end
M.file_upload = M.file_write

--- A friendlier name of a system, where there is one.
function M.get_windows_version(name)
  return windows_names[name] or name
end

-- The names that a server tells when NTLMSSP is not used.
local function basic_names(host, result)
  local status, state = M.start(host)
  if not status then
    return
  end
  M.disable_extended(state)
  if M.negotiate_protocol(state, {}) then
    result.server, result.workgroup = state.server, state.domain
    result.time, result.timezone, result.timezone_str = state.time, state.timezone,
      state.timezone_str
    result.date = state.date
  end
  M.stop(state)
end

--- What a host tells of its system: `true, { os, lanmanager, server, workgroup, domain_dns,
-- forest_dns, fqdn, date, time, timezone_str, port }` or `false, reason`.
function M.get_os(host)
  local status, state = M.start(host)
  if not status then
    return false, state
  end
  local reason
  status, reason = M.negotiate_protocol(state, {})
  if not status then
    M.stop(state)
    return false, reason
  end
  M.start_session(state, M.get_overrides_anonymous())
  local result = {
    os = state.os, lanmanager = state.lanmanager, port = state.port, date = state.date,
    time = state.time,
    timezone = state.timezone, timezone_str = state.timezone_str,
    domain_dns = state.dns_domain_name,
    forest_dns = state.dns_forest_name, fqdn = state.fqdn,
  }
  M.stop(state)
  basic_names(host, result)
  if not result.os and not result.fqdn then
    return false, "the host tells nothing of itself"
  end
  return true, result
end

--- A short text that names the connection, for logs: kept for old callers.
function M.get_socket_info(host)
  return type(host) == "table" and host.ip or host
end

return M