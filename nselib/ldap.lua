--- LDAP 3 (RFC 4511): bind and search, also over UDP (CLDAP, MS-ADTS 6.3.3).
--
-- An entry of a search is { objectName = dn, attributes = { { name, value, ... }, ... } }.

local asn1, io, ipairs, math = require "asn1", io, ipairs, math
local stringaux = require "stringaux"
local nmap, datetime, pairs = require "nmap", require "datetime", pairs
local setmetatable, string, table = setmetatable, string, table
local tonumber, tostring, type = tonumber, tostring, type

local M = {}

M.ERRORS = { LDAP_SUCCESS = 0, LDAP_SIZELIMIT_EXCEEDED = 4 }
M.ERROR_MSG = {
  [1] = "Initialization of LDAP library failed.", [4] = "Size limit exceeded.",
  [13] = "Confidentiality required", [32] = "No such object", [34] = "Invalid DN",
  [49] = "The supplied credential is invalid.",
}
M.APPNO = {
  BindRequest = 0, BindResponse = 1, UnbindRequest = 2, SearchRequest = 3, SearchResponse = 4,
  SearchResDone = 5, AbandonRequest = 16,
}
M.FILTER = {
  _and = 0, _or = 1, _not = 2, equalityMatch = 3, substrings = 4, greaterOrEqual = 5,
  lessOrEqual = 6,
  present = 7, approxMatch = 8, extensibleMatch = 9,
}
M.SCOPE = { default = 0, base = 0, one = 1, sub = 2, children = 3 }
M.DEREFPOLICY = { default = 0, never = 0, searching = 1, finding = 2, always = 3 }

local message_max, entries_max = 4 * 1024 * 1024, 10000
-- of all answers to one search
local bytes_max, messages_max = 16 * 1024 * 1024, 20000

-- Encoding ----------------------------------------------------------------------------------------

local encoder, decoder = asn1.ASN1Encoder:new(), asn1.ASN1Decoder:new()

-- Answers keep their tag, so that they can be told apart.
local function tagged(number)
  return function(self, bytes, length, at)
    local value, after = self:decodeSeq(bytes, length, at)
    if value then
      value.ldapOp = number
    end
    return value, after
  end
end
local operations = {}
for _, number in ipairs({ 1, 4, 5, 19, 24 }) do
  operations[string.char(0x60 + number)] = tagged(number)
end
-- referrals, SASL credentials, names and values of extended answers
for _, tag in ipairs({ 0x80, 0x87, 0x8a, 0x8b }) do
  operations[string.char(tag)] = function(_, bytes, length, at)
    return string.sub(bytes, at, at + length - 1), at + length
  end
end
operations["\xa3"] = decoder.decodeSeq
decoder:registerTagDecoders(operations)

--- The bytes of a value; the value at `pos` and the position after it.
function M.encode(val)
  return encoder:encode(val)
end
function M.decode(encStr, pos)
  return decoder:decode(encStr, pos)
end

local function wrap(tag, content)
  return string.char(tag) .. encoder.encodeLength(#content) .. content
end

--- The bytes of an operation: number, is it constructed, content.
function M.encodeLDAPOp(appno, isConstructed, data)
  return wrap(asn1.BERtoInt(asn1.BERCLASS.Application, isConstructed, appno), data)
end

-- The pieces of "a*b*c": initial, any, final (RFC 4511, section 4.5.1.7.2).
local function substrings(value)
  local pieces, out = {}, {}
  for piece in string.gmatch(value .. "*", "([^*]*)%*") do
    pieces[#pieces + 1] = piece
  end
  for i, piece in ipairs(pieces) do
    if piece ~= "" then
      local tag = i == 1 and 0x80 or i == #pieces and 0x82 or 0x81
      out[#out + 1] = wrap(tag, piece)
    end
  end
  return table.concat(out)
end

--- The bytes of a filter: { op = FILTER.x, obj = attribute, val = value }; of _and, _or, _not `val`
-- is an array of filters.
function M.createFilter(filter)
  local op = filter.op
  if op <= M.FILTER._not then
    local out = {}
    for i, inner in ipairs(filter.val) do
      out[i] = M.createFilter(inner)
    end
    return wrap(0xa0 + op, table.concat(out))
  elseif op == M.FILTER.present then
    return wrap(0x87, filter.obj)
  elseif op == M.FILTER.substrings then
    return wrap(0xa4, encoder:encode(filter.obj) .. wrap(0x30, substrings(filter.val)))
  end
  return wrap(0xa0 + op, encoder:encode(filter.obj) .. encoder:encode(tostring(filter.val)))
end

-- Talking -----------------------------------------------------------------------------------------

-- Messages are numbered within a connection (RFC 4511, section 4.1.1.1).
local last_ids = setmetatable({}, { __mode = "k" })
local function next_id(socket)
  last_ids[socket] = (last_ids[socket] or 0) % 0x7ffffffe + 1
  return last_ids[socket]
end

-- Where the first message in a buffer ends, for receive_buf.
local function message_end(buffer)
  if #buffer < 2 then
    return nil
  end
  local length, at = asn1.ASN1Decoder.decodeLength(buffer, 2)
  if not length then
    if #buffer > 6 then
      return #buffer, #buffer
    end
    return nil
  elseif length > message_max then
    return #buffer, #buffer
  end
  local last = at + length - 1
  if #buffer >= last then
    return last, last
  end
end

-- The next message of any number, and its length; nil, reason.
local function receive(socket)
  local status, bytes = socket:receive_buf(message_end, true)
  if not status then
    return nil, bytes
  end
  local message = decoder:decode(bytes)
  if type(message) ~= "table" or type(message[2]) ~= "table" then
    return nil, "no LDAP message"
  end
  return message, #bytes
end

local too_many = "too many answers"

-- A function that gives one answer to the message `id` after the other: what an operation before it
-- left is passed over. nil, reason when there are none, or too many. next_message: as `receive`.
local function answers_to(id, next_message)
  local messages, bytes = 0, 0
  return function()
    while messages < messages_max and bytes < bytes_max do
      local message, length = next_message()
      if not message then
        return nil, length
      end
      messages, bytes = messages + 1, bytes + length
      if message[1] == id then
        return type(message[2]) == "table" and message[2] or type(message[3]) == "table"
          and message[3] or {}
      end
    end
    return nil, too_many
  end
end

local function from(socket)
  return function()
    return receive(socket)
  end
end

local function failure(result)
  local code = result[1]
  return {
    resultCode = code,
    errorMessage = type(result[3]) == "string" and stringaux.trim_end(result[3], "%z") or "",
  }
end

--- Binds with a name and a password (both may be ""): `true, "Success"` or `false, message`.
function M.bindRequest(socket, params)
  local request = encoder:encode(params.version or 3) .. encoder:encode(params.username or "")
    .. wrap(0x80, params.password or "")
  local id = next_id(socket)
  local message = encoder:encode(id) .. M.encodeLDAPOp(M.APPNO.BindRequest, true, request)
  local status, reason = socket:send(wrap(0x30, message))
  if not status then
    return false, reason
  end
  local result
  result, reason = answers_to(id, from(socket))()
  if not result then
    return false, reason
  end
  local code = result[1]
  if code == M.ERRORS.LDAP_SUCCESS then
    return true, "Success"
  end
  local text = M.ERROR_MSG[code] or "result code " .. tostring(code)
  return false, "\n  Error: " .. text .. "\n  Details: " .. failure(result).errorMessage
end

--- Says good-bye.
function M.unbindRequest(socket)
  local request = M.encodeLDAPOp(M.APPNO.UnbindRequest, false, "")
  return socket:send(wrap(0x30, encoder:encode(next_id(socket)) .. request))
end

local function enumerated(value)
  return wrap(0x0a, encoder.encodeInt(value))
end

-- (section 4.11)
local function abandon(socket, id)
  local request = M.encodeLDAPOp(M.APPNO.AbandonRequest, false, encoder.encodeInt(id))
  return socket:send(wrap(0x30, encoder:encode(next_id(socket)) .. request))
end

local function search_message(id, params)
  local filter = params.filter or { op = M.FILTER.present, obj = "objectClass" }
  local attributes = {}
  for i, name in ipairs(params.attributes or {}) do
    attributes[i] = encoder:encode(name)
  end
  local request = encoder:encode(params.baseObject or "")
    .. enumerated(params.scope or M.SCOPE.default)
    .. enumerated(params.derefPolicy or M.DEREFPOLICY.default)
    .. encoder:encode(params.sizeLimit or 0) .. encoder:encode(params.timeLimit or 0)
    .. encoder:encode(params.typesOnly and true or false)
    .. M.createFilter(filter) .. wrap(0x30, table.concat(attributes))
  return wrap(0x30, encoder:encode(id)
    .. M.encodeLDAPOp(M.APPNO.SearchRequest, true, request))
end

-- { "dn", { { "name", { "value", ... } }, ... } } -> an entry
local function entry_of(result)
  local entry = { objectName = type(result[1]) == "string" and result[1] or "", attributes = {} }
  for i, attribute in ipairs(type(result[2]) == "table" and result[2] or {}) do
    if type(attribute) == "table" and type(attribute[1]) == "string" then
      local list = { attribute[1] }
      for _, value in ipairs(type(attribute[2]) == "table" and attribute[2] or {}) do
        list[#list + 1] = value
      end
      entry.attributes[i] = list
    end
  end
  return entry
end

-- Reads answers until the search is done: `true, entries`, or `false, reason` and, when it broke off,
-- the entries that came before.
local function collect(next_message, maximum)
  local entries = {}
  while #entries < maximum do
    local result, reason = next_message()
    if not result then
      -- what fills our limits has had its say
      local enough = reason == too_many and #entries > 0
      return enough, enough and entries or reason, #entries > 0 and entries or nil
    elseif result.ldapOp == M.APPNO.SearchResponse then
      entries[#entries + 1] = entry_of(result)
    elseif result.ldapOp == M.APPNO.SearchResDone then
      local done = failure(result)
      entries.resultCode, entries.errorMessage = done.resultCode, done.errorMessage
      if done.resultCode ~= M.ERRORS.LDAP_SUCCESS
        and done.resultCode ~= M.ERRORS.LDAP_SIZELIMIT_EXCEEDED then
        local code = math.type(done.resultCode) == "integer" and done.resultCode or -1
        return false, string.format("Code: %d|Error: %s|Details: %s", code,
          M.ERROR_MSG[code] or "", done.errorMessage)
      end
      return true, entries
    end
  end
  return true, entries
end

local function limit_of(params)
  local maximum = tonumber(params.maxObjects)
  return maximum and maximum > 0 and math.min(maximum, entries_max) or entries_max
end

--- Searches. `params`: baseObject, scope, derefPolicy, filter (see `createFilter`), attributes
-- (array), sizeLimit, timeLimit, typesOnly, maxObjects. `true, entries` (with resultCode and
-- errorMessage, unless there are maxObjects), or `false, message` and, of a search that broke off, the
-- entries that had come.
function M.searchRequest(socket, params)
  local id = next_id(socket)
  local status, reason = socket:send(search_message(id, params))
  if not status then
    return false, reason
  end
  local ok, entries, before = collect(answers_to(id, from(socket)), limit_of(params))
  if ok and not entries.resultCode then
    abandon(socket, id)
  end
  return ok, entries, before
end

--- The same over UDP, without a bind.
function M.udpSearchRequest(host, port, params)
  local socket = nmap.new_socket("udp")
  socket:set_timeout(5000)
  local id, tries = next_id(socket), 1
  local message = search_message(id, params)
  local status, reason = socket:sendto(host, port, message)
  if not status then
    socket:close()
    return false, reason
  end
  -- all answers come in few datagrams
  local rest = ""
  local ok, result, before = collect(answers_to(id, function()
    if rest == "" then
      local got, bytes = socket:receive()
      if bytes == "TIMEOUT" and tries > 0 then
        -- datagrams get lost; a server that knows the question answers each with all there is
        tries = tries - 1
        socket:sendto(host, port, message)
        got, bytes = socket:receive()
      end
      if not got then
        return nil, bytes
      end
      rest = bytes
    end
    local length, answer, after = #rest, decoder:decode(rest)
    rest = string.sub(rest, after or #rest + 1)
    if type(answer) ~= "table" then
      rest = ""
      return nil, "no LDAP message"
    end
    return answer, length - #rest
  end), limit_of(params))
  socket:close()
  return ok, result, before
end

-- Results -----------------------------------------------------------------------------------------

--- Nested lists of a search for `stdnse.format_output`: one for each entry, with a line "name:
-- value" each.
function M.searchResultToTable(searchEntries)
  local result = {}
  for _, entry in ipairs(searchEntries) do
    local lines = {}
    for _, attribute in ipairs(entry.attributes) do
      for i = 2, #attribute do
        lines[#lines + 1] = attribute[1] .. ": " .. tostring(attribute[i])
      end
    end
    local name = entry.objectName ~= "" and "dn: " .. entry.objectName or "<ROOT>"
    result[#result + 1] = { lines, name = name }
  end
  return result
end

--- The values of an attribute in all entries, or nil.
function M.extractAttribute(searchEntries, attributeName)
  local result = {}
  for _, entry in ipairs(searchEntries) do
    for _, attribute in ipairs(entry.attributes) do
      if string.lower(attribute[1]) == string.lower(attributeName) then
        table.move(attribute, 2, #attribute, #result + 1, result)
      end
    end
  end
  return #result > 0 and result or nil
end

--- Writes the entries to a file as comma-separated values: true, or false and the reason.
function M.searchResultToFile(searchEntries, filename)
  local names, seen = {}, {}
  for _, entry in ipairs(searchEntries) do
    for _, attribute in ipairs(entry.attributes) do
      if not seen[attribute[1]] then
        seen[attribute[1]] = true
        names[#names + 1] = attribute[1]
      end
    end
  end
  local file, reason = io.open(filename, "w")
  if not file then
    return false, reason
  end
  local function row(fields)
    for i, field in ipairs(fields) do
      fields[i] = '"' .. string.gsub(field, '"', '""') .. '"'
    end
    file:write(table.concat(fields, ","), "\n")
  end
  row({ "dn", table.unpack(names) })
  for _, entry in ipairs(searchEntries) do
    local fields = { entry.objectName }
    for i, name in ipairs(names) do
      fields[i + 1] = table.concat(M.extractAttribute({ entry }, name) or {}, "|")
    end
    row(fields)
  end
  file:close()
  return true
end

--- The text of a time of Active Directory (units of 100 ns since 1601).
function M.convertADTimeStamp(timestamp)
  local number = tonumber(timestamp)
  if not number or number <= 0 or number >= 0x7fffffffffffffff then
    return "Never"
  end
  return datetime.format_timestamp(math.floor(number // 10000000 - 11644473600), 0)
end

--- The text of a GeneralizedTime.
function M.convertZuluTimeStamp(timestamp)
  local year, month, day, hour, min, sec = string.match(timestamp,
    "^(%d%d%d%d)(%d%d)(%d%d)(%d%d)(%d%d)(%d%d)")
  if not year then
    return timestamp
  end
  return string.format("%s/%s/%s %s:%s:%s UTC", year, month, day, hour, min, sec)
end

--- The text of a security identifier (MS-DTYP 2.4.2), without its "S-".
function M.convertObjectSid(data)
  if #data < 8 then
    return nil
  end
  local revision, n, authority = string.unpack(">BBI6", data)
  local parts = { revision, authority }
  for i = 1, math.min(n, (#data - 8) // 4) do
    parts[#parts + 1] = (string.unpack("<I4", data, 5 + 4 * i))
  end
  return table.concat(parts, "-")
end

--- A copy of a table and the tables in it.
function M.copyTable(targetTable)
  local copy = {}
  for key, value in pairs(targetTable) do
    copy[key] = type(value) == "table" and M.copyTable(value) or value
  end
  return copy
end

return M
