--- PostgreSQL: what a server tells before and while somebody logs in (protocol 3.0 of the manual,
-- chapter "Frontend/Backend Protocol"; 2.0 for servers before 7.4).
--
-- Connections are sockets that the caller opens. Functions return `true, response` or `false,
-- reason`. A response of the start is one of
--   { type = "R", authtype = number, salt = bytes, mechanisms = { names of SASL } }
--   { type = "E", error = { severity, code, message, file, line, routine } }

local error, match, nmap, pcall = error, require "match", require "nmap", pcall
local require, stdnse, string, table = require, require "stdnse", string, table
local has_openssl, openssl = pcall(require, "openssl")

local M = {}

local message_max, messages_max = 65536, 200

M.MessageType = {
  Error = 0x45, BackendKeyData = 0x4b, AuthRequest = 0x52, ParameterStatus = 0x53,
  ReadyForQuery = 0x5a, PasswordMessage = 0x70, NegotiateProtocolVersion = 0x76,
}
M.AuthenticationType = {
  Success = 0, KerberosV5 = 2, Plain = 3, Crypt = 4, MD5 = 5, SCMCredential = 6, GSS = 7, SSPI = 9,
  SASL = 10,
}

local auth_names = {
  [0] = "none", [2] = "Kerberos V5", [3] = "password in clear text", [4] = "crypt password",
  [5] = "MD5 password", [6] = "SCM credential", [7] = "GSSAPI", [9] = "SSPI", [10] = "SASL",
}

--- The name of an authentication request.
function M.auth_name(number)
  return auth_names[number] or ("unknown (%d)"):format(number)
end

--- Asks whether TLS may begin on this connection (SSLRequest): true when it may.
function M.requestSSL(socket)
  local status, reason = socket:send(string.pack(">I4I4", 8, 80877103))
  if not status then
    return false, reason
  end
  local reply
  status, reply = socket:receive_bytes(1)
  if not status then
    return false, reply
  end
  return string.sub(reply, 1, 1) == "S", string.sub(reply, 1, 1)
end

-- One message: its letter and its content; or nil, reason.
local function read_message(socket)
  local status, head = socket:receive_buf(match.numbytes(5), true)
  if not status then
    return nil, head
  end
  local kind, length = string.unpack(">c1I4", head)
  if length < 4 or length > message_max then
    return nil, "no PostgreSQL message"
  elseif length == 4 then
    return kind, ""
  end
  local content
  status, content = socket:receive_buf(match.numbytes(length - 4), true)
  if not status then
    return nil, content
  end
  return kind, content
end

local field_names = {
  S = "severity", C = "code", M = "message", D = "detail", H = "hint", F = "file", L = "line",
  R = "routine",
}

-- The texts that end with a zero: behind the last of them patterns would look for one in vain.
local function ended(content)
  return string.match(content, "^.*%z") or ""
end

--- The fields of an ErrorResponse: letter and text, each with a zero behind.
function M.error_fields(content)
  local fields = {}
  for letter, text in string.gmatch(ended(content), "(%a)([^%z]*)%z?") do
    if field_names[letter] then
      fields[field_names[letter]] = text
    end
  end
  return fields
end

local function auth_response(content)
  if #content < 4 then
    return nil, "no PostgreSQL message"
  end
  local response = { type = "R", authtype = string.unpack(">I4", content), mechanisms = {} }
  if response.authtype == M.AuthenticationType.MD5 then
    response.salt = string.sub(content, 5, 8)
  elseif response.authtype == M.AuthenticationType.SASL then
    for name in string.gmatch(ended(string.sub(content, 5)), "[^%z]+") do
      table.insert(response.mechanisms, name)
    end
  end
  response.success = response.authtype == M.AuthenticationType.Success
  return response
end

-- What follows a start or a password: the first request, or an error.
local function read_response(socket)
  for _ = 1, messages_max do
    local kind, content = read_message(socket)
    if not kind then
      return false, content
    elseif kind == "E" then
      return true, { type = "E", error = M.error_fields(content) }
    elseif kind == "R" then
      local response, reason = auth_response(content)
      if not response then
        return false, reason
      end
      return true, response
    elseif kind ~= "v" and kind ~= "N" then
      return false, "no PostgreSQL answer"
    end
  end
  return false, "the answer does not end"
end

local function checked(status, response)
  if status and response.type == "E" then
    return false, response.error.message or "the server refuses", response
  end
  return status, response
end

local function md5_password(username, password, salt)
  if not has_openssl then
    return nil
  end
  local inner = stdnse.tohex(openssl.md5(password .. username))
  return "md5" .. stdnse.tohex(openssl.md5(inner .. salt))
end

-- The answer to a password request of one of the two kinds that we know.
local function password_text(params, username, password, salt)
  if params.authtype == M.AuthenticationType.Plain then
    return password
  elseif params.authtype == M.AuthenticationType.MD5 then
    return md5_password(username, password, salt or params.salt or "")
  end
end

M.v3 = {}

--- The bytes of a start; `version` is 0x30000 when nil.
function M.v3.startup_message(user, database, version)
  local content = string.pack(">I4zz", version or 0x30000, "user", user)
  if database then
    content = content .. string.pack("zz", "database", database)
  end
  content = content .. "\0"
  return string.pack(">I4", #content + 4) .. content
end

--- Starts a session and reads the first answer, be it an error.
function M.v3.start(socket, user, database, version)
  local status, reason = socket:send(M.v3.startup_message(user, database, version))
  if not status then
    return false, reason
  end
  return read_response(socket)
end

--- The same; an error of the server is `false, its message, response`.
function M.v3.sendStartup(socket, user, database)
  return checked(M.v3.start(socket, user, database))
end

--- Answers the password request `params` of `sendStartup`.
function M.v3.loginRequest(socket, params, username, password, salt)
  local text = password_text(params, username, password, salt)
  if not text then
    return false, "the authentication " .. M.auth_name(params.authtype or -1) .. " is not known"
  end
  local status, reason = socket:send(string.pack(">c1I4z", "p", #text + 5, text))
  if not status then
    return false, reason
  end
  return checked(read_response(socket))
end

--- After AuthenticationOk: the server's parameters (server_version, TimeZone ...) up to
-- ReadyForQuery, `true, table`; an error of the server is `false, message, fields`.
function M.v3.parameters(socket)
  local found = {}
  for _ = 1, messages_max do
    local kind, content = read_message(socket)
    if kind == "S" then
      local name, value = string.match(content, "^([^%z]+)%z([^%z]*)%z")
      if name then
        found[name] = value
      end
    elseif kind == "E" then
      local fields = M.error_fields(content)
      return false, fields.message or "the server refuses", fields
    elseif kind == "Z" then
      return true, found
    elseif not kind then
      return false, content
    end
  end
  return false, "the answer does not end"
end

M.v2 = {}

-- Protocol 2.0: messages have no length; an error is a text that a zero ends.
local function read_old(socket)
  local status, kind = socket:receive_buf(match.numbytes(1), true)
  if not status then
    return false, kind
  elseif kind == "E" then
    local text
    status, text = socket:receive_buf(match.pattern_limit("%z", message_max), false)
    return status, status and { type = "E", error = { message = text } } or text
  elseif kind ~= "R" then
    return false, "no PostgreSQL answer"
  end
  local content
  status, content = socket:receive_buf(match.numbytes(4), true)
  if not status then
    return false, content
  end
  local authtype = string.unpack(">I4", content)
  local salt_length = ({ [4] = 2, [5] = 4 })[authtype]
  local salt
  if salt_length then
    status, salt = socket:receive_buf(match.numbytes(salt_length), true)
    if not status then
      return false, salt
    end
  end
  return true, { type = "R", authtype = authtype, salt = salt, success = authtype == 0 }
end

local function fixed(text, length)
  return string.sub(text, 1, length) .. string.rep("\0", length - #text)
end

--- As in `v3`, for protocol 2.0.
function M.v2.sendStartup(socket, user, database)
  local status, reason = socket:send(string.pack(">I4I4", 296, 0x20000) .. fixed(database or user,
    64) .. fixed(user, 32) .. string.rep("\0", 192))
  if not status then
    return false, reason
  end
  return checked(read_old(socket))
end
function M.v2.loginRequest(socket, params, username, password, salt)
  local text = password_text(params, username, password, salt)
  if not text then
    return false, "the authentication " .. M.auth_name(params.authtype or -1) .. " is not known"
  end
  local status, reason = socket:send(string.pack(">I4z", #text + 5, text))
  if not status then
    return false, reason
  end
  return checked(read_old(socket))
end

--- The newest of `v3` and `v2` that the server speaks. Throws when it does not answer, as scripts
-- expect it.
function M.detectVersion(host, port)
  local socket = nmap.new_socket()
  socket:set_timeout(5000)
  local status, reason = socket:connect(host, port)
  if not status then
    error("no connection: " .. reason, 0)
  end
  socket:send(M.v3.startup_message("muster", "muster"))
  local reply
  status, reply = socket:receive_bytes(5)
  socket:close()
  -- an error of 2.0 has text where 3.0 has a length
  if status and #reply >= 5 and string.unpack(">I4", reply, 2) <= message_max then
    return M.v3
  end
  return M.v2
end

return M
