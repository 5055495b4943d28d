--- Sessions of SMB 2 (MS-SMB2): log in, connect to shares, talk to named pipes. Read only.
--
--     local session, reason = v2.open(host)            -- as nobody; v2.accounts(host): others
--     local tree, reason = v2.tree_connect(session, "IPC$")
--     local pipe, reason = v2.open_pipe(session, tree, "srvsvc")
--     local bytes, reason = v2.transceive(session, tree, pipe, request)
--     local files, reason = v2.list(session, tree, "")   -- of a tree that is a disk
--     v2.close(session)
--
-- Our messages are signed where the server insists on it and the account has a password (3.1.4.1);
-- anonymous and guest sessions are never signed. Signatures of answers are not checked: what a server
-- says of itself is taken from whoever sits there.

local ipairs, pcall, select, smb, smb2 = ipairs, pcall, select, require "smb", require "smb2"
local smbauth, stdnse, string = require "smbauth", require "stdnse", string
local unicode, unpack = require "unicode", require "smb.message".unpack
local has_openssl, openssl = pcall(require, "openssl")

local M = {}

local codes = smb2.command_codes
local more_processing, buffer_overflow = 0xc0000016, 0x80000005
local pipe_transceive, answer_max, reads_max, files_max = 0x0011c017, 65536, 16, 4096
local accounts_max = 10

-- The message with its signature (3.1.4.1): flag 8, then over all with 16 zeros in its place.
local function signed(session, header, data)
  header = string.sub(header, 1, 16) .. string.pack("<I4", string.unpack("<I4", header, 17) | 8)
    .. string.sub(header, 21)
  local signature = openssl.hmac("sha256", session.key, header .. data)
  return string.sub(header, 1, 48) .. string.sub(signature, 1, 16)
end

-- One message and its answer: status (number), data, header; or nil, reason. The data begin behind
-- the header.
local function exchange(session, command, data, tree)
  session.message_id = session.message_id + 1
  local header = smb2.smb2_encode_header_sync({ tid = tree and tree.id or 0 }, command,
    { MessageId = session.message_id, SessionId = session.id, CreditCharge = 1, CreditR = 32 })
  if session.signs then
    header = signed(session, header, data)
  end
  local ok, reason, body = smb2.smb2_send(session.state, header, data)
  for _ = 1, 10 do
    if ok then
      ok, reason, body = smb2.smb2_read(session.state)
    end
    if not ok then
      return nil, reason
    end
    local status, answered = string.unpack("<I4", reason, 9), string.unpack("<I2", reason, 13)
    if answered ~= command then
      return nil, "an answer to another question"
    elseif status ~= 0x103 then -- pending: the real one follows
      return status, body, reason
    end
  end
  return nil, "the answer stays pending"
end

-- `length` bytes that stand `offset` behind the begin of the header.
local function buffer(data, offset, length)
  if not offset or offset < 64 or length > answer_max then
    return ""
  end
  return string.sub(data, offset - 63, offset - 64 + length)
end

-- A session of the server's own making (guest, nobody) has no key. Whom it does not know it may take for
-- a guest.
local function set_signing(session, account, key, data)
  local size, flags = unpack("<I2I2", data)
  session.guest = size == 9 and flags & 3 ~= 0
  if session.guest and account.username ~= "" then
    session.account = "guest"
  end
  session.key = key
  session.signs = has_openssl and not session.guest and #key == 16
    and session.state.security_mode & 2 ~= 0
end

local function session_setup(session, account)
  local blob
  for _ = 1, 3 do
    local ok, message, key = smbauth.get_security_blob(blob, session.state.ip, account.username,
      account.domain or "", account.password, account.password_hash, account.hash_type)
    if not ok then
      return nil, message
    end
    local status, data, header = exchange(session, codes.SMB2_COM_SESSION_SETUP,
      string.pack("<I2BBI4I4I2I2I8", 25, 0, 1, 0, 0, 88, #message, 0) .. message)
    if not status then
      return nil, data
    elseif status == 0 then
      set_signing(session, account, key, data)
      return true
    elseif status ~= more_processing then
      return nil, smb.get_status_name(status)
    end
    session.id = string.unpack("<I8", header, 41)
    local _, _, offset, length = unpack("<I2I2I2I2", data)
    blob = buffer(data, offset, length or 0)
    session.info = smbauth.get_host_info_from_security_blob(blob)
  end
  return nil, "the login does not end"
end

local nobody = { username = "", password = "", hash_type = "none" }
local guest = { username = "guest", password = "", hash_type = "ntlm" }

--- How an account is shown: "<blank>", "guest", "DOMAIN\\user".
function M.account_name(account)
  local domain = account.domain and account.domain ~= "" and account.domain .. "\\" or ""
  return account.username == "" and "<blank>" or domain .. account.username
end

--- Whether it takes no password to be that account.
function M.is_open(account)
  return account == nobody or account == guest
end

--- The accounts to try, in order: the one of the script arguments (smbusername, smbdomain,
-- smbpassword, smbhash), nobody, guest.
function M.accounts()
  local user, domain, password, hash, kind =
    stdnse.get_script_args("smbusername", "smbdomain", "smbpassword", "smbhash", "smbtype")
  local named = user and { username = user, domain = domain, password = password,
    password_hash = hash, hash_type = kind or "ntlm" }
  return named and { named, nobody, guest } or { nobody, guest }
end

--- Logs in as an account ({ username, domain, password, password_hash, hash_type }; nobody when nil):
-- a session; nil, the reason, and "session" when that was no fault of the account's. Of a session,
-- `account` is shown: "guest" where the server takes us for one; then `guest` is true, too. `info` says
-- what the host calls itself (smbauth.get_host_info_from_security_blob).
function M.open(host, account)
  account = account or nobody
  local status, state = smb.start(host)
  if not status then
    return nil, state, "session"
  end
  local session, reason = { state = state, id = 0, message_id = 0,
    account = M.account_name(account) }, nil
  status, reason = smb2.negotiate_v2(state, { Dialects = { 0x0202, 0x0210 } })
  if not status then
    smb.stop(state)
    return nil, reason, "session"
  end
  status, reason = session_setup(session, account)
  if status then
    return session
  end
  smb.stop(state)
  return nil, reason
end

--- Logs in as the account that smbauth has for this host; when it is refused as the next one, which
-- is then the one for all scripts: a session; nil, reason, see open().
function M.open_any(host)
  local session, reason, whose
  for _ = 1, accounts_max do
    local ok, account = false, {}
    ok, account.username, account.domain, account.password, account.password_hash,
      account.hash_type = smbauth.get_account(host)
    if not ok then
      return nil, reason or account.username
    end
    session, reason, whose = M.open(host, account)
    if session or whose then
      return session, reason, whose
    end
    -- another script may have gone on meanwhile
    if select(2, smbauth.get_account(host)) == account.username then
      smbauth.next_account(host)
    end
  end
  return nil, reason
end

--- Ends the session.
function M.close(session)
  exchange(session, codes.SMB2_COM_LOGOFF, string.pack("<I2I2", 4, 0))
  smb.stop(session.state)
end

--- Connects to a share: { id, kind (1 disk, 2 pipe, 3 printer), access (the mask of what we may do
-- there) }; nil, reason.
function M.tree_connect(session, share)
  local path = unicode.utf8to16(string.find(share, "^\\\\") and share
    or smb.get_fqpn(session.state.ip, share))
  local status, data, header = exchange(session, codes.SMB2_COM_TREE_CONNECT,
    string.pack("<I2I2I2I2", 9, 0, 72, #path) .. path)
  if status ~= 0 then
    return nil, status and smb.get_status_name(status) or data
  end
  local size, kind, _, _, _, access = unpack("<I2BBI4I4I4", data)
  if size ~= 16 then
    return nil, "a broken answer"
  end
  return { id = string.unpack("<I4", header, 37), kind = kind, access = access }
end

--- Leaves it.
function M.tree_disconnect(session, tree)
  exchange(session, codes.SMB2_COM_TREE_DISCONNECT, string.pack("<I2I2", 4, 0), tree)
end

--- Closes what create gave.
function M.close_handle(session, tree, handle)
  exchange(session, codes.SMB2_COM_CLOSE, string.pack("<I2I2I4c16", 24, 0, 0, handle), tree)
end

-- Opens what is there: its handle (16 bytes); nil, reason.
local function create(session, tree, name, access, options)
  local text = unicode.utf8to16(name)
  -- impersonation; shared by all; without a name a byte stands in its place (MS-SMB2 2.2.13)
  local status, data = exchange(session, codes.SMB2_COM_CREATE,
    string.pack("<I2BBI4I8I8I4I4I4I4I4I2I2I4I4", 57, 0, 0, 2, 0, 0, access, 0, 7, 1, options, 120,
      #text, 0, 0) .. (text ~= "" and text or "\0"), tree)
  if status ~= 0 then
    return nil, status and smb.get_status_name(status) or data
  elseif #data < 80 then
    return nil, "a broken answer"
  end
  return string.sub(data, 65, 80)
end

--- Whether we may read and write in the first directory of a share: asks for the right to list it and
-- to add a file, and does neither. Two booleans, or nil and the reason when it is no directory.
function M.access(session, tree)
  local function may(access)
    local handle, reason = create(session, tree, "", access, 1)
    if handle then
      M.close_handle(session, tree, handle)
    end
    return handle ~= nil, reason
  end
  local reads, reason = may(0x00100081)
  local writes, other = may(0x00100002)
  if not reads and not writes then
    return nil, reason or other
  end
  return reads, writes
end

--- Opens a named pipe on IPC$ to read and write: its handle (16 bytes); nil, reason.
function M.open_pipe(session, tree, name)
  return create(session, tree, name, 0x0012019f, 0)
end

-- Entries of FileBothDirectoryInformation (MS-FSCC 2.4.8), added to `files`.
local function read_entries(data, files)
  local at = 1
  while #files < files_max do
    local next_at, _, created, _, _, _, size, _, attributes, length = unpack(
      "<I4I4I8I8I8I8I8I8I4I4", data, at)
    local name = length and string.sub(data, at + 94, at + 93 + length)
    if not name or #name < length then
      return
    end
    files[#files + 1] = { name = unicode.utf16to8(name), size = size, created = created,
      is_directory = attributes & 0x10 ~= 0 }
    if next_at < 94 then
      return
    end
    at = at + next_at
  end
end

--- What is in a directory ("" is the first, "a\\b" one below): an array of { name, size, created
-- (100 ns since 1601), is_directory }; nil, reason.
function M.list(session, tree, path)
  local handle, reason = create(session, tree, path, 0x00100081, 1)
  if not handle then
    return nil, reason
  end
  local files = {}
  for _ = 1, reads_max do
    local before = #files
    local status, data = exchange(session, codes.SMB2_COM_QUERY_DIRECTORY,
      string.pack("<I2BBI4c16I2I2I4", 33, 3, 0, 0, handle, 96, 2, answer_max) .. "*\0", tree)
    if status ~= 0 then
      break
    end
    local _, offset, length = unpack("<I2I2I4", data)
    read_entries(buffer(data, offset, length or 0), files)
    if #files == before then
      break
    end
  end
  M.close_handle(session, tree, handle)
  return files
end

--- Reads what a pipe has to say: bytes, and whether that was all of the message; nil, reason.
function M.read_pipe(session, tree, pipe)
  local status, data = exchange(session, codes.SMB2_COM_READ,
    string.pack("<I2BBI4I8c16I4I4I4I2I2B", 49, 80, 0, answer_max, 0, pipe, 0, 0, 0, 0, 0, 0), tree)
  if status ~= 0 and status ~= buffer_overflow then
    return nil, status and smb.get_status_name(status) or data
  end
  local _, offset, _, length = unpack("<I2BBI4", data)
  return buffer(data, offset, length or 0), status == 0
end

-- The rest of an answer that did not fit.
local function read_rest(session, tree, pipe, first)
  local text = first
  for _ = 1, reads_max do
    local part, whole = M.read_pipe(session, tree, pipe)
    text = text .. (part or "")
    if not part or whole then
      break
    end
  end
  return text
end

--- Writes to a pipe and reads what comes back: bytes; nil, reason.
function M.transceive(session, tree, pipe, request)
  local status, data = exchange(session, codes.SMB2_COM_IOCTL,
    string.pack("<I2I2I4c16I4I4I4I4I4I4I4I4", 57, 0, pipe_transceive, pipe, 120, #request, 0, 0, 0,
      answer_max, 1, 0) .. request, tree)
  if status ~= 0 and status ~= buffer_overflow then
    return nil, status and smb.get_status_name(status) or data
  end
  local offset, length = select(7, unpack("<I2I2I4c16I4I4I4I4", data))
  local text = buffer(data, offset, length or 0)
  return status == 0 and text or read_rest(session, tree, pipe, text)
end

return M
