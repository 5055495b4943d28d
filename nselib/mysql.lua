--- The client protocol of MySQL and MariaDB: greeting, login, queries (the manual's "Client/Server
-- Protocol").

local ipairs, match, math, pcall = ipairs, require "match", math, pcall
local require, stdnse, string, tab = require, require "stdnse", string, require "tab"
local error, select, table, tostring = error, select, table, tostring
local has_openssl, openssl = pcall(require, "openssl")

local M = {}

--- Bits of the capabilities, of their upper half, and of the status.
M.Capabilities = {
  LongPassword = 0x1, FoundRows = 0x2, LongColumnFlag = 0x4, ConnectWithDatabase = 0x8,
  DontAllowDatabaseTableColumn = 0x10, SupportsCompression = 0x20, ODBCClient = 0x40,
  SupportsLoadDataLocal = 0x80, IgnoreSpaceBeforeParenthesis = 0x100, Speaks41ProtocolNew = 0x200,
  InteractiveClient = 0x400, SwitchToSSLAfterHandshake = 0x800, IgnoreSigpipes = 0x1000,
  SupportsTransactions = 0x2000, Speaks41ProtocolOld = 0x4000, Support41Auth = 0x8000,
}
M.ExtCapabilities = {
  SupportsMultipleStatments = 0x1, SupportsMultipleResults = 0x2, SupportsAuthPlugins = 0x8,
}
M.ServerStatus = {
  InTransaction = 0x1, AutoCommit = 0x2, MoreResults = 0x4, MultiQuery = 0x8, BadIndexUsed = 0x10,
  NoIndexUsed = 0x20, CursorExists = 0x40, LastRowSebd = 0x80, DatabaseDropped = 0x100,
  NoBackslashEscapes = 0x200,
}
M.Charset = { latin1_COLLATE_latin1_swedish_ci = 0x8 }
M.Command = { Query = 3 }

local packet_max, rows_max = 16 * 1024 * 1024, 10000

-- Receives one packet: its bytes without header, its number; or nil, reason.
local function receive_packet(socket)
  local status, header = socket:receive_buf(match.numbytes(4), true)
  if not status then
    return nil, header
  end
  local length, number = string.unpack("<I3B", header)
  if length > packet_max then
    return nil, "the packet is too long"
  elseif length == 0 then
    return "", number
  end
  local data
  status, data = socket:receive_buf(match.numbytes(length), true)
  if not status then
    return nil, data
  end
  return data, number
end

local function send_packet(socket, number, data)
  return socket:send(string.pack("<I3B", #data, number) .. data)
end

-- An error packet: { errorcode, errormsg }, or nil.
local function error_of(data)
  if string.byte(data) ~= 0xff or #data < 3 then
    return nil
  end
  local code = string.unpack("<I2", data, 2)
  local message = string.gsub(string.sub(data, 4), "^#.....", "")
  return { errorcode = code, errormsg = message }
end

local function parse_greeting(data)
  local greeting = { proto = string.byte(data) }
  local at
  greeting.version, at = string.match(data, "^.([^%z]*)%z()")
  if not at then
    return nil
  end
  greeting.threadid, greeting.salt, at = string.unpack("<I4c8", data, at)
  at = at + 1
  greeting.capabilities, at = string.unpack("<I2", data, at)
  if greeting.proto == 10 and at <= #data then
    greeting.charset, greeting.status, greeting.extcapabilities,
      at = string.unpack("<BI2I2", data, at)
    local salt_length = string.byte(data, at) or 0
    local rest = string.sub(data, at + 11)
    if greeting.capabilities & M.Capabilities.Support41Auth ~= 0 then
      local n = math.max(12, salt_length - 9)
      greeting.salt = greeting.salt .. string.sub(rest, 1, n)
      rest = string.sub(rest, n + 2)
    end
    if greeting.extcapabilities & M.ExtCapabilities.SupportsAuthPlugins ~= 0 then
      greeting.auth_plugin_name = string.match(rest, "^[^%z]*")
    end
  end
  return greeting
end

--- Reads the server's greeting: `true, greeting` with proto, version, threadid, salt, capabilities,
-- extcapabilities, charset, status, auth_plugin_name; also when the server refuses us: then with
-- errorcode and errormsg. `false, reason` when it is no MySQL server.
function M.receiveGreeting(socket)
  local data, reason = receive_packet(socket)
  if not data then
    return false, reason
  end
  local refused = error_of(data)
  if refused then
    refused.proto = 0xff
    return true, refused
  end
  local ok, greeting = pcall(parse_greeting, data)
  if not ok or not greeting then
    return false, "no MySQL greeting"
  end
  return true, greeting
end

local function xor(a, b)
  return (string.gsub(a, "()(.)", function(i, c)
    return string.char(string.byte(c) ~ string.byte(b, i))
  end))
end

-- SHA1(password) xor SHA1(salt .. SHA1(SHA1(password)))
local function native_password(password, salt)
  if password == "" or not has_openssl then
    return ""
  end
  local once = openssl.sha1(password)
  return xor(once, openssl.sha1(string.sub(salt, 1, 20) .. openssl.sha1(once)))
end

-- SHA256(password) xor SHA256(SHA256(SHA256(password)) .. salt)
local function sha2_password(password, salt)
  if password == "" or not has_openssl then
    return ""
  end
  local once = openssl.digest("sha256", password)
  local twice = openssl.digest("sha256", once)
  return xor(once, openssl.digest("sha256", twice .. string.sub(salt, 1, 20)))
end

local plugins = { mysql_native_password = native_password, caching_sha2_password = sha2_password }

-- A length-encoded integer at `at`: number (nil for NULL), position after it.
local function read_length(data, at)
  local first = string.byte(data, at)
  if not first then
    error("data end early")
  elseif first < 0xfb then
    return first, at + 1
  elseif first == 0xfb then
    return nil, at + 1
  elseif first == 0xfc then
    return string.unpack("<I2", data, at + 1)
  elseif first == 0xfd then
    return string.unpack("<I3", data, at + 1)
  end
  return string.unpack("<I8", data, at + 1)
end

-- An OK packet (OK_Packet): { errorcode = 0, affected_rows, last_insert_id, status, warnings }; a
-- field that is cut short is left out, but for warnings.
local function read_ok(data)
  local ok = { errorcode = 0, warnings = 0 }
  pcall(function()
    local at
    ok.affected_rows, at = read_length(data, 2)
    ok.last_insert_id, at = read_length(data, at)
    ok.status, ok.warnings = string.unpack("<I2I2", data, at)
  end)
  return ok
end

-- The server may want another method than we began with.
local function finish_login(socket, password)
  for _ = 1, 3 do
    local data, number = receive_packet(socket)
    if not data then
      return false, number
    end
    local first = string.byte(data)
    local refused = error_of(data)
    if refused then
      return false, refused.errormsg, refused
    elseif first == 0 then
      return true, read_ok(data)
    elseif first == 0xfe and #data > 1 then
      local name, salt = string.match(data, "^.([^%z]*)%z(.*)$")
      local hash = plugins[name or ""]
      if not hash then
        return false, "the login method " .. tostring(name) .. " is not known"
      end
      send_packet(socket, number + 1, hash(password, salt))
    elseif first == 1 and string.byte(data, 2) == 3 then
      stdnse.debug2("fast authentication succeeded")
    else
      return false, "the login needs an encrypted connection"
    end
  end
  return false, "the login does not end"
end

--- Logs in with the salt of the greeting. `params`: { authversion = "post41", charset = number }.
-- `true, response` with errorcode 0, or `false, message`.
function M.loginRequest(socket, params, username, password, salt)
  params = params or {}
  password = password or ""
  if params.authversion and params.authversion ~= "post41" then
    return false, "the login method " .. tostring(params.authversion) .. " is not known"
  end
  local capabilities = 0x1 | 0x4 | 0x200 | 0x2000 | 0x8000 | 0x80000
  local hash = native_password(password, salt)
  local data = string.pack("<I4I4B", capabilities, packet_max, params.charset or 33)
    .. string.rep("\0", 23)
    .. username .. "\0" .. string.pack("s1", hash) .. "mysql_native_password\0"
  local status, reason = send_packet(socket, 1, data)
  if not status then
    return false, reason
  end
  return finish_login(socket, password)
end

local function read_text(data, at)
  local length, after = read_length(data, at)
  if not length then
    return nil, after
  elseif length < 0 or after + length - 1 > #data then
    error("data end early")
  end
  return string.sub(data, after, after + length - 1), after + length
end

--- A column's description: position after it, table with catalog, database, table, orig_table,
-- column, orig_column, charset, length, type.
function M.decodeField(data, pos)
  local field = {}
  for _, name in ipairs({ "catalog", "database", "table", "orig_table", "column",
    "orig_column" }) do
    field[name], pos = read_text(data, pos)
  end
  field.charset, field.length, field.type, pos = string.unpack("<xI2I4B", data, pos)
  return pos + 5, field
end

local function is_end(data)
  return string.byte(data) == 0xfe and #data < 9
end

local function read_resultset(socket, n_columns)
  local result = { cols = {}, rows = {} }
  for i = 1, n_columns do
    local data, reason = receive_packet(socket)
    if not data then
      return nil, reason
    end
    result.cols[i] = select(2, M.decodeField(data, 1))
    result.cols[i].name = result.cols[i].column
  end
  for _ = 1, rows_max do
    local data, reason = receive_packet(socket)
    if not data then
      return nil, reason
    end
    local refused = error_of(data)
    if refused then
      return nil, refused.errormsg
    elseif is_end(data) then
      if #result.rows > 0 or result.ended then
        return result
      end
      result.ended = true
    else
      local row, at = {}, 1
      for i = 1, n_columns do
        row[i], at = read_text(data, at)
        row[i] = row[i] or "NULL"
      end
      result.rows[#result.rows + 1] = row
    end
  end
  return result
end

--- Reads the answer to a query: `true, resultset` ({ cols = { { name } }, rows = { { text } } }),
-- or `false, message`.
function M.decodeQueryResponse(socket)
  local data, reason = receive_packet(socket)
  if not data then
    return false, reason
  end
  local refused = error_of(data)
  if refused then
    return false, refused.errormsg
  elseif string.byte(data) == 0 then
    return true, { cols = {}, rows = {} }
  end
  local ok, result, why = pcall(function()
    return read_resultset(socket, math.min(read_length(data, 1) or 0, 4096))
  end)
  if not ok then
    return false, "broken answer to the query"
  elseif not result then
    return false, why
  end
  return true, result
end

--- Sends a query and reads its answer.
function M.sqlQuery(socket, query)
  local status, reason = send_packet(socket, 0, string.char(M.Command.Query) .. query)
  if not status then
    return false, reason
  end
  return M.decodeQueryResponse(socket)
end

--- A result set as text, its columns aligned. `options.noheaders` leaves the names out.
function M.formatResultset(rs, options)
  local lines = tab.new(#(rs.cols or {}))
  if not (options and options.noheaders) then
    local names = {}
    for i, column in ipairs(rs.cols or {}) do
      names[i] = column.name
    end
    tab.addrow(lines, table.unpack(names))
  end
  for _, row in ipairs(rs.rows or {}) do
    tab.addrow(lines, table.unpack(row))
  end
  return tab.dump(lines)
end

return M
