--- Cassandra: what a node tells, by its two protocols: CQL's binary protocol (native_protocol_v3 to
-- v5 of the Cassandra sources; port 9042), and Thrift of versions before 4.0 (port 9160).
--
-- Functions take a connected socket and return `true, value` or `false, reason`.

local error, ipairs, match, pcall = error, ipairs, require "match", pcall
local stdnse, string, table, tonumber = require "stdnse", string, table, tonumber

local M = {}

local frame_max, columns_max, names_max = 1 << 20, 64, 256

-- CQL ---------------------------------------------------------------------------------------------

M.OPCODE = { ERROR = 0, STARTUP = 1, READY = 2, AUTHENTICATE = 3, OPTIONS = 5, SUPPORTED = 6,
  QUERY = 7, RESULT = 8 }

local function text_of(data, at)
  return string.unpack(">s2", data, at)
end

-- A list of strings, bounded.
local function texts_of(data, at)
  local count, list = 0, {}
  count, at = string.unpack(">I2", data, at)
  if count > names_max then
    error("too long a list", 0)
  end
  for i = 1, count do
    list[i], at = text_of(data, at)
  end
  return list, at
end

--- Sends a request and reads its answer: `true, { version, opcode, body }`.
function M.request(socket, version, opcode, body)
  local status, reason = socket:send(string.pack(">BBI2Bs4", version, 0, 0, opcode, body))
  if not status then
    return false, reason
  end
  local head
  status, head = socket:receive_buf(match.numbytes(9), true)
  if not status then
    return false, head
  end
  local answered, _, _, kind, length = string.unpack(">BBI2BI4", head)
  if answered & 0x80 == 0 or length > frame_max then
    return false, "no CQL frame"
  end
  local content = ""
  if length > 0 then
    status, content = socket:receive_buf(match.numbytes(length), true)
  end
  if not status then
    return false, content
  end
  return true, { version = answered & 0x7f, opcode = kind, body = content }
end

-- The message of an ERROR frame.
local function error_text(frame)
  local ok, text = pcall(function()
    return (text_of(frame.body, 5))
  end)
  return ok and text or "an error without a text"
end

--- What the server supports (OPTIONS): `true, { CQL_VERSION = { ... }, COMPRESSION = { ... } },
-- protocol version`, or `false, reason`.
function M.options(socket, version)
  version = version or 4
  local status, frame = M.request(socket, version, M.OPCODE.OPTIONS, "")
  if not status then
    return false, frame
  elseif frame.opcode == M.OPCODE.ERROR then
    return false, error_text(frame)
  elseif frame.opcode ~= M.OPCODE.SUPPORTED then
    return false, "no answer to OPTIONS"
  end
  local ok, options = pcall(function()
    local out = {}
    local count, at = string.unpack(">I2", frame.body)
    for _ = 1, count <= names_max and count or 0 do
      local name
      name, at = text_of(frame.body, at)
      out[name], at = texts_of(frame.body, at)
    end
    return out
  end)
  if not ok then
    return false, "broken answer to OPTIONS"
  end
  return true, options, version
end

--- Begins a session (STARTUP): `true, nil` when nobody has to log in, `true, class` of the
-- authenticator otherwise.
function M.startup(socket, version, cql_version)
  local body = string.pack(">I2s2s2", 1, "CQL_VERSION", cql_version)
  local status, frame = M.request(socket, version, M.OPCODE.STARTUP, body)
  if not status then
    return false, frame
  elseif frame.opcode == M.OPCODE.READY then
    return true
  elseif frame.opcode == M.OPCODE.AUTHENTICATE and #frame.body >= 2 then
    local ok, class = pcall(text_of, frame.body, 1)
    return ok, ok and class or "broken answer to STARTUP"
  end
  return false, error_text(frame)
end

local column_type

-- The type of a column and the position after it; collections name their parts.
function column_type(body, at)
  local kind, _
  kind, at = string.unpack(">I2", body, at)
  if kind == 0 then
    _, at = text_of(body, at)
  elseif kind == 0x20 or kind == 0x22 then
    _, at = column_type(body, at)
  elseif kind == 0x21 then
    _, at = column_type(body, at)
    _, at = column_type(body, at)
  elseif kind >= 0x30 then
    error("a type that nobody asked for", 0)
  end
  return kind, at
end

local UUIDS = { [0x0c] = true, [0x0f] = true }

local function value_of(kind, bytes)
  if UUIDS[kind] and #bytes == 16 then
    return (string.gsub(stdnse.tohex(bytes),
      "^(%x%x%x%x%x%x%x%x)(%x%x%x%x)(%x%x%x%x)(%x%x%x%x)(%x+)$", "%1-%2-%3-%4-%5"))
  end
  return bytes
end

-- Names and types of the columns, position after them.
local function read_columns(body, at)
  local flags, count, _
  flags, count, at = string.unpack(">I4I4", body, at)
  if count > columns_max or flags & 4 ~= 0 then
    error("columns without a description", 0)
  end
  if flags & 2 ~= 0 then
    _, at = string.unpack(">s4", body, at)
  end
  if flags & 1 ~= 0 then
    _, _, at = string.unpack(">s2s2", body, at)
  end
  local columns = {}
  for i = 1, count do
    local name, kind
    if flags & 1 == 0 then
      _, _, at = string.unpack(">s2s2", body, at)
    end
    name, at = text_of(body, at)
    kind, at = column_type(body, at)
    columns[i] = { name = name, kind = kind }
  end
  return columns, at
end

-- The first row of a result of rows (kind 2), by names of columns.
local function first_row(body)
  if string.unpack(">I4", body) ~= 2 then
    error("no rows", 0)
  end
  local columns, at = read_columns(body, 5)
  local rows
  rows, at = string.unpack(">I4", body, at)
  local row = {}
  for _, column in ipairs(rows > 0 and columns or {}) do
    local length
    length, at = string.unpack(">i4", body, at)
    if length >= 0 then
      row[column.name] = value_of(column.kind, (string.unpack("c" .. length, body, at)))
      at = at + length
    end
  end
  return row
end

--- Asks for one row: `true, { column = text }`.
function M.select_one(socket, version, query)
  local status, frame = M.request(socket, version, M.OPCODE.QUERY,
    string.pack(">s4I2B", query, 1, 0))
  if not status then
    return false, frame
  elseif frame.opcode ~= M.OPCODE.RESULT then
    return false, error_text(frame)
  end
  local ok, row = pcall(first_row, frame.body)
  return ok, row
end

-- Thrift ------------------------------------------------------------------------------------------

local CALL, REPLY = 0x80010001, 0x80010002

--- A framed call without arguments, or with `fields` (bytes of a Thrift struct).
function M.call(name, fields)
  local message = string.pack(">I4s4I4", CALL, name, 0) .. (fields or "") .. "\0"
  return string.pack(">s4", message)
end

-- The struct in the reply to a call, as bytes.
local function thrift(socket, name, fields)
  local status, reason = socket:send(M.call(name, fields))
  if not status then
    return false, reason
  end
  local data
  status, data = socket:receive_buf(match.numbytes(4), true)
  if not status then
    return false, data
  end
  local length = string.unpack(">I4", data)
  if length < 12 or length > frame_max then
    return false, "no Thrift frame"
  end
  status, data = socket:receive_buf(match.numbytes(length), true)
  if not status then
    return false, data
  end
  local ok, kind, answered, _, at = pcall(string.unpack, ">I4s4I4", data)
  if not ok or kind ~= REPLY or answered ~= name then
    return false, "no answer to " .. name
  end
  return true, string.sub(data, at)
end

local function text_call(name)
  return function(socket)
    local status, struct = thrift(socket, name)
    if not status then
      return false, struct
    end
    -- the result is field 0 of the kind string
    local ok, kind, id, text = pcall(string.unpack, ">BI2s4", struct)
    if not ok or kind ~= 11 or id ~= 0 then
      return false, "no answer to " .. name
    end
    return true, text
  end
end

--- The name of the cluster and the version of the Thrift interface.
M.describe_cluster_name = text_call("describe_cluster_name")
M.describe_version = text_call("describe_version")

--- Beginnings of the answers to a login: accepted, refused.
M.LOGINSUCC, M.LOGINFAIL = "\0", "\12\0\1"
M.LOGINACC = "default"

--- The fields of a login: an AuthenticationRequest with a map of credentials.
function M.loginstr(username, password)
  local list = {}
  for _, pair in ipairs({ { "username", username }, { "password", password } }) do
    list[#list + 1] = string.pack(">s4s4", pair[1], pair[2])
  end
  return string.pack(">BI2BI2BBI4", 12, 1, 13, 1, 11, 11, #list) .. table.concat(list) .. "\0"
end

--- Logs in: true, or false and the reason.
function M.login(socket, username, password)
  local status, struct = thrift(socket, "login", M.loginstr(username, password))
  if not status then
    return false, struct
  elseif string.sub(struct, 1, 1) == M.LOGINSUCC then
    return true
  end
  return false, "the login was refused"
end

--- The greatest version that an error about versions names, or nil.
function M.greatest_version(text)
  return tonumber(string.match(text, "greatest is (%d+)") or string.match(text, "%d/v(%d+)%D*$"))
end

return M
