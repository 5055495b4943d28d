--- MongoDB: commands that need no login, over its wire protocol (OP_MSG, and OP_QUERY for servers
-- before 3.6).
--
-- A query is made by `serverStatusQuery` and the like and sent by `query`, which finds out itself
-- which of the two kinds of message the server takes.

local base64, bson, comm, ipairs = require "base64", require "bson", require "comm", ipairs
local match, pairs, pcall = require "match", pairs, pcall
local rand, require, setmetatable, stdnse = require "rand", require, setmetatable, require "stdnse"
local string, table, tonumber, tostring, type = string, table, tonumber, tostring, type
local has_openssl, openssl = pcall(require, "openssl")

local M = {}

local OP_REPLY, OP_QUERY, OP_MSG = 1, 2004, 2013
local message_max, wire_with_msg = 4 << 20, 6

-- What is known of a connection: whether it takes OP_MSG.
local takes_msg = setmetatable({}, { __mode = "k" })

--- BSON of a table: `true, bytes` or `false, reason`.
function M.toBson(document)
  return bson.encode(document)
end

--- A table of BSON, and the bytes after it; or nil, nil, reason.
function M.fromBson(data)
  local document, after = bson.decode(data)
  if not document then
    return nil, nil, after
  end
  return document, string.sub(data, after)
end

local function head(length, id, opcode)
  return string.pack("<I4I4I4I4", length + 16, id, 0, opcode)
end

-- OP_QUERY on a database's $cmd: no flags, skip nothing, one document.
local function op_query(id, db, document)
  local content = string.pack("<I4zI4i4", 0, db .. ".$cmd", 0, -1) .. document
  return head(#content, id, OP_QUERY) .. content
end

local function op_msg(id, document)
  local content = string.pack("<I4B", 0, 0) .. document
  return head(#content, id, OP_MSG) .. content
end

-- One message: its kind and its content, or nil, reason.
local function read_message(socket)
  local status, data = socket:receive_buf(match.numbytes(16), true)
  if not status then
    return nil, data
  end
  local length, _, _, opcode = string.unpack("<I4I4I4I4", data)
  if length <= 16 or length > message_max or opcode ~= OP_REPLY and opcode ~= OP_MSG then
    return nil, "no MongoDB message"
  end
  status, data = socket:receive_buf(match.numbytes(length - 16), true)
  if not status then
    return nil, data
  end
  return opcode, data
end

-- OP_REPLY has flags, cursor, start and count before its documents, OP_MSG flags and a section kind.
local function read_reply(socket)
  local opcode, data = read_message(socket)
  if not opcode then
    return false, data
  end
  local document, reason
  if opcode == OP_REPLY then
    document, reason = bson.decode(data, 21)
  elseif string.byte(data, 5) == 0 then
    document, reason = bson.decode(data, 6)
  else
    reason = "an unknown section"
  end
  if not document then
    return false, reason
  end
  return true, document
end

local function send(socket, bytes)
  local status, reason = socket:send(bytes)
  if not status then
    return false, reason
  end
  return read_reply(socket)
end

-- The first words, which servers of all ages take as OP_QUERY.
local function hello_message()
  local _, document = bson.encode({ { "isMaster", 1 }, { "helloOk", true } })
  return op_query(1, "admin", document)
end

local function remember(socket, hello)
  local version = tonumber(hello.maxWireVersion)
  takes_msg[socket] = version ~= nil and version >= wire_with_msg
end

--- Asks who is there, once for each connection: `true, document`, or `false, reason`.
function M.hello(socket)
  local status, document = send(socket, hello_message())
  if not status then
    return false, document
  end
  remember(socket, document)
  return true, document
end

--- Connects, over TLS where the port speaks it: socket, the answer to hello; or nil, reason.
function M.connect(host, port)
  local reason
  for _, protocol in ipairs({ "tcp", "ssl" }) do
    local socket, why = comm.opencon(host, port, nil,
      { proto = protocol, connect_only = true, timeout = 8000 })
    if socket then
      local status, document = M.hello(socket)
      if status and type(document.ok) == "number" then
        return socket, document
      end
      socket:close()
      why = not status and document or nil
    end
    reason = reason or why
  end
  return nil, reason or "no MongoDB server"
end

--- Runs a command, a list of pairs whose first is its name, on a database: `true, document` (what
-- the server says, be it an error), or `false, reason`.
function M.command(socket, db, pairs_list)
  if takes_msg[socket] == nil then
    local status, reason = M.hello(socket)
    if not status then
      return false, reason
    end
  end
  local list = {}
  for i, pair in ipairs(pairs_list) do
    list[i] = pair
  end
  if takes_msg[socket] then
    list[#list + 1] = { "$db", db }
  end
  local ok, document = bson.encode(list)
  if not ok then
    return false, document
  end
  return send(socket, takes_msg[socket] and op_msg(2, document) or op_query(2, db, document))
end

local function query_of(name)
  return function()
    return true, { db = "admin", command = { { name, 1 } } }
  end
end

--- Queries for `query`: `true, query`.
M.serverStatusQuery = query_of("serverStatus")
M.buildInfoQuery = query_of("buildInfo")
M.listDbQuery = query_of("listDatabases")

--- Sends a query: `true, document` or `false, reason`.
function M.query(socket, query)
  return M.command(socket, query.db, query.command)
end

local function add_lines(out, value)
  for i, item in ipairs(value) do
    if type(item) == "table" and item ~= bson.null then
      local part = { name = tostring(i - 1) }
      add_lines(part, item)
      out[#out + 1] = part
    else
      out[#out + 1] = ("%d = %s"):format(i - 1, tostring(item))
    end
  end
  for name, item in pairs(value) do
    if type(name) == "string" then
      if type(item) == "table" and item ~= bson.null then
        local part = { name = name }
        add_lines(part, item)
        out[#out + 1] = part
      else
        out[#out + 1] = ("%s = %s"):format(name, tostring(item))
      end
    end
  end
end

--- An answer as lines "name = value" and named lists of such, for stdnse.format_output.
function M.queryResultToTable(document)
  local out = {}
  add_lines(out, document or {})
  return out
end

-- Login: SCRAM-SHA-1 (RFC 5802) with MongoDB's digest of the password ------------------------------

local function xor(a, b)
  local out = {}
  for i = 1, #a do
    out[i] = string.char(string.byte(a, i) ~ string.byte(b, i))
  end
  return table.concat(out)
end

local iterations_max = 100000

local function salted(password, salt, iterations)
  local u = openssl.hmac("sha1", password, salt .. "\0\0\0\1")
  local result = u
  for _ = 2, iterations do
    u = openssl.hmac("sha1", password, u)
    result = xor(result, u)
  end
  return result
end

-- The client's last message, to the server's first.
local function client_final(first_bare, server_first, password)
  local nonce, salt, count = string.match(server_first, "^r=([^,]+),s=([^,]+),i=(%d+)")
  count = tonumber(count or "")
  if not count or count < 1 or count > iterations_max then
    return nil
  end
  local key = openssl.hmac("sha1", salted(password, base64.dec(salt), count), "Client Key")
  local without_proof = "c=biws,r=" .. nonce
  local signature = openssl.hmac("sha1", openssl.sha1(key),
    first_bare .. "," .. server_first .. "," .. without_proof)
  return without_proof .. ",p=" .. base64.enc(xor(key, signature))
end

-- The server's side of the conversation is binary, which is read as hexadecimal.
local function payload_of(document)
  return stdnse.fromhex(tostring(document.payload or "")) or ""
end

--- Logs in: true, or false and what the server says.
function M.login(socket, db, username, password)
  if not has_openssl then
    return false, "no cryptography"
  end
  local digest = stdnse.tohex(openssl.md5(username .. ":mongo:" .. password))
  local bare = "n=" .. string.gsub(string.gsub(username, "=", "=3D"), ",", "=2C") .. ",r="
    .. base64.enc(rand.random_string(18))
  local status, answer = M.command(socket, db, {
    { "saslStart", 1 }, { "mechanism", "SCRAM-SHA-1" }, { "payload", bson.binary("n,," .. bare) },
  })
  local final = status and client_final(bare, payload_of(answer), digest)
  if not final then
    return false, status and tostring(answer.errmsg or "no challenge") or answer
  end
  status, answer = M.command(socket, db, {
    { "saslContinue", 1 }, { "conversationId", tonumber(answer.conversationId) or 1 },
    { "payload", bson.binary(final) },
  })
  if status and answer.ok == 1 and string.find(payload_of(answer), "^v=") then
    return true
  end
  return false, status and tostring(answer.errmsg or "login failed") or answer
end

return M
