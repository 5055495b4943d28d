--- Sessions of SSH 2 over the host's libssh2: methods of authentication, logins, commands.
--
--     local helper = libssh2_util.SSHConnection:new()
--     local ok, reason = helper:connect_pcall(host, port)
--     local methods = helper:list("root")
--     helper:disconnect()

local libssh2, pcall, setmetatable, stdnse = require "libssh2", pcall, setmetatable, require "stdnse"
local stringaux, table = require "stringaux", table

local M = {}

local output_max = 65536

M.SSHConnection = {}
M.SSHConnection.__index = M.SSHConnection

function M.SSHConnection:new()
  return setmetatable({ authenticated = false }, self)
end

--- Connects and agrees on keys: true; throws when that fails. `connect_pcall`: true, or false and the
-- reason.
function M.SSHConnection:connect(host, port)
  self.session = libssh2.session_open(host, port.number or port)
  return self.session ~= nil
end
function M.SSHConnection:connect_pcall(host, port)
  local ok, result = pcall(self.connect, self, host, port)
  if not ok then
    return false, result
  end
  return result
end

--- Milliseconds for each step from here on.
function M.SSHConnection:set_timeout(timeout)
  libssh2.set_timeout(self.session, timeout)
end

--- The methods that a user may log in with: an array, "none_auth" when none is needed, or false.
function M.SSHConnection:list(username)
  return libssh2.userauth_list(self.session, username)
end

--- What the server shows before the login, or nil.
function M.SSHConnection:banner()
  return libssh2.userauth_banner(self.session)
end

-- A login: did it work?
local function login(connection, f, ...)
  if connection.authenticated then
    return true
  end
  local ok, result = pcall(f, connection.session, ...)
  connection.authenticated = ok and result == true
  return connection.authenticated
end

--- Logins: true or false.
function M.SSHConnection:password_auth(username, password)
  return login(self, libssh2.userauth_password, username, password)
end
function M.SSHConnection:interactive_auth(username, callback)
  return login(self, libssh2.userauth_keyboard_interactive, username, callback)
end
function M.SSHConnection:publickey_auth(username, privatekey_file, passphrase, publickey_file)
  return login(self, libssh2.userauth_publickey, username, privatekey_file, passphrase or "",
    publickey_file)
end

--- Would the server take this key for this user?
function M.SSHConnection:publickey_canauth(username, key)
  local ok, result = pcall(libssh2.publickey_canauth, self.session, username, key)
  if not ok then
    return false, result
  end
  return result
end

--- The blob of a file with a public key.
function M.SSHConnection.read_publickey(_, publickey)
  return libssh2.read_publickey(publickey)
end

--- Runs a command after a login: its output (at most 64 KiB, without line ends behind it), or nil and
-- the reason.
function M.SSHConnection:run_remote(cmd)
  if not self.authenticated then
    return nil, "no login yet"
  end
  local session, pieces, n = self.session, {}, 0
  local channel = libssh2.open_channel(session)
  libssh2.channel_exec(session, channel, cmd)
  while n < output_max and not libssh2.channel_eof(channel) do
    local piece = libssh2.channel_read(session, channel)
    if not piece or piece == "" then
      break
    end
    pieces[#pieces + 1], n = piece, n + #piece
  end
  libssh2.channel_close(session, channel)
  return stringaux.trim_end(table.concat(pieces), "[\r\n]")
end

--- Ends the session. Errors do not matter any more.
function M.SSHConnection:disconnect()
  if self.session then
    local ok, reason = pcall(libssh2.session_close, self.session)
    if not ok then
      stdnse.debug2("session_close: %s", reason)
    end
    self.session, self.authenticated = nil, false
  end
end

return M
