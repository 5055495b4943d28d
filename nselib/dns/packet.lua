--- DNS messages (RFC 1035, 2136, 3596, 2782, 4034, 5155, 5001, 6891, 7871): bytes from tables,
-- tables from bytes.
--
-- A message is a table: `id`, `flags` (a set: QR, AA, TC, RD, RA, AD, CD, and OC1-OC4, RC1-RC4 for
-- the bits of the opcode and the response code), `questions` ({ dname, dtype, class }), `answers`,
-- `auth`, `add` (records), and, of a message to be sent, `additional`, `zones`, `updates`. A record
-- has `dname`, `dtype`, `class`, `ttl`, `data` (bytes) and what its type says: `ip`, `ipv6`,
-- `domain`, `MX`, `SOA`, `SRV`, `TXT`, `NSEC`, `NSEC3`, `HINFO`, `SSHFP`, `OPT`.

local base32, ipairs, ipOps, pairs = require "base32", ipairs, require "ipOps", pairs
local error, math, pcall, select = error, math, pcall, select
local string, table, type = string, table, type

local M = {}

--- Record types and classes by name.
M.types = {
  A = 1, NS = 2, CNAME = 5, SOA = 6, PTR = 12, HINFO = 13, MX = 15, TXT = 16, AAAA = 28, SRV = 33,
  OPT = 41, SSHFP = 44, NSEC = 47, NSEC3 = 50, AXFR = 252, ANY = 255,
}
M.CLASS = { IN = 1, CH = 3, ANY = 255 }
local types = M.types

local labels_max = 128

-- Names -------------------------------------------------------------------------------------------

local function labels_of(name)
  local labels = {}
  for label in string.gmatch(name, "[^.]+") do
    labels[#labels + 1] = label
  end
  return labels
end

--- The bytes of a name: a text, or an array of labels, where a label may hold dots.
function M.encode_name(name)
  local out = {}
  for i, label in ipairs(type(name) == "table" and name or labels_of(name)) do
    out[i] = string.pack(">s1", string.sub(label, 1, 63))
  end
  return table.concat(out) .. "\0"
end

--- The name at `pos`: position after it, name. Pointers (RFC 1035, section 4.1.4) may only lead
-- backwards. nil, message for a broken name.
function M.decode_name(data, pos)
  local labels, after, lowest = {}, nil, pos
  while true do
    local length = string.byte(data, pos)
    if not length or #labels > labels_max then
      return nil, "broken name"
    elseif length == 0 then
      break
    elseif length < 64 then
      if pos + length > #data then
        return nil, "broken name"
      end
      labels[#labels + 1] = string.sub(data, pos + 1, pos + length)
      pos = pos + 1 + length
    else
      local low = string.byte(data, pos + 1)
      local target = low and (length & 63) << 8 | low
      if length < 192 or not target or target + 1 >= lowest then
        return nil, "broken pointer in a name"
      end
      after = after or pos + 2
      pos, lowest = target + 1, target + 1
    end
  end
  return after or pos + 1, table.concat(labels, ".")
end

-- decode_name for readers of records, which are called protected.
local function name_at(data, pos)
  local after, name = M.decode_name(data, pos)
  if not after then
    error(name)
  end
  return after, name
end

-- Records -----------------------------------------------------------------------------------------

local function strings_in(data)
  local out, at = {}, 1
  while at <= #data do
    local length = string.byte(data, at)
    out[#out + 1] = string.sub(data, at + 1, at + length)
    at = at + 1 + length
  end
  return out
end

-- Names of the types in the bitmap of NSEC and NSEC3 (RFC 4034, section 4.1.2).
local type_names = {}
for name, number in pairs(types) do
  type_names[number] = name
end
type_names[46], type_names[48], type_names[51] = "RRSIG", "DNSKEY", "NSEC3PARAM"

local function types_in(bitmap)
  local out, at = {}, 1
  while at + 1 <= #bitmap do
    local window, length = string.byte(bitmap, at, at + 1)
    for i = 1, math.min(length, #bitmap - at - 1) do
      local bits = string.byte(bitmap, at + 1 + i)
      for bit = 0, 7 do
        if bits & 0x80 >> bit ~= 0 then
          local number = window * 256 + (i - 1) * 8 + bit
          out[#out + 1] = type_names[number] or "TYPE" .. number
        end
      end
    end
    at = at + 2 + length
  end
  return out
end

local function domain(record, data, pos)
  record.domain = select(2, name_at(data, pos))
end

-- Readers of record data: (record, whole message, position of the data).
local readers = {
  [types.A] = function(record)
    record.ip = #record.data == 4 and ipOps.str_to_ip(record.data) or nil
  end,
  [types.AAAA] = function(record)
    record.ipv6 = #record.data == 16 and ipOps.str_to_ip(record.data) or nil
  end,
  [types.NS] = domain, [types.CNAME] = domain, [types.PTR] = domain,
  [types.MX] = function(record, data, pos)
    local preference = string.unpack(">I2", data, pos)
    record.MX = { pref = preference, server = select(2, name_at(data, pos + 2)) }
  end,
  [types.SRV] = function(record, data, pos)
    local priority, weight, port = string.unpack(">I2I2I2", data, pos)
    record.SRV = {
      prio = priority, weight = weight, port = port, target = select(2, name_at(data, pos + 6)),
    }
  end,
  [types.SOA] = function(record, data, pos)
    local soa = {}
    pos, soa.mname = name_at(data, pos)
    pos, soa.rname = name_at(data, pos)
    soa.serial, soa.refresh, soa.retry, soa.expire,
      soa.minimum = string.unpack(">I4I4I4I4I4", data, pos)
    record.SOA = soa
  end,
  [types.TXT] = function(record)
    record.TXT = { text = strings_in(record.data) }
  end,
  [types.HINFO] = function(record)
    local strings = strings_in(record.data)
    record.HINFO = { cpu = strings[1], os = strings[2] }
  end,
  [types.SSHFP] = function(record)
    local algorithm, kind = string.unpack("BB", record.data)
    record.SSHFP = { algorithm = algorithm, type = kind, fingerprint = string.sub(record.data, 3) }
  end,
  [types.NSEC] = function(record, data, pos)
    local after, next_name = name_at(data, pos)
    local bitmap = string.sub(record.data, after - pos + 1)
    record.NSEC = { dname = record.dname, next_dname = next_name, types = types_in(bitmap),
      bin = bitmap }
  end,
  [types.NSEC3] = function(record)
    local nsec3 = { dname = record.dname, hash = {} }
    local at
    nsec3.hash.alg, nsec3.flags, nsec3.iterations, nsec3.salt, nsec3.hash.bin, at =
      string.unpack(">BBI2s1s1", record.data)
    nsec3.hash.base32 = string.lower((string.gsub(base32.enc(nsec3.hash.bin, true), "=", "")))
    nsec3.types = types_in(string.sub(record.data, at))
    record.NSEC3 = nsec3
  end,
  [types.OPT] = function(record)
    record.OPT = {
      bufsize = record.class, rcode = record.ttl >> 24 & 0xff, version = record.ttl >> 16 & 0xff,
      zflags = record.ttl & 0xffff, data = record.data,
    }
  end,
}

local function decode_record(data, pos)
  local record = {}
  local length
  pos, record.dname = name_at(data, pos)
  record.dtype, record.class, record.ttl, length, pos = string.unpack(">I2I2I4I2", data, pos)
  if pos + length - 1 > #data then
    error("record data past the end")
  end
  record.data = string.sub(data, pos, pos + length - 1)
  local read = readers[record.dtype]
  if read then
    pcall(read, record, data, pos)
  end
  return record, pos + length
end

-- Messages ----------------------------------------------------------------------------------------

-- The bits of the flags word, from the highest.
local flag_names = {
  "QR", "OC1", "OC2", "OC3", "OC4", "AA", "TC", "RD", "RA", "Z", "AD", "CD", "RC1", "RC2", "RC3",
  "RC4",
}

local function decode_flags(word)
  local flags = {}
  for i, name in ipairs(flag_names) do
    if word & 0x8000 >> (i - 1) ~= 0 then
      flags[name] = true
    end
  end
  return flags
end

local function encode_flags(flags)
  local word = 0
  for i, name in ipairs(flag_names) do
    if flags[name] then
      word = word | 0x8000 >> (i - 1)
    end
  end
  return word
end

local function decode_message(data)
  local message = { questions = {}, answers = {}, auth = {}, add = {} }
  local flags, n_questions, counts, pos
  counts = {}
  message.id, flags, n_questions, counts[1], counts[2], counts[3],
    pos = string.unpack(">I2I2I2I2I2I2", data)
  message.flags = decode_flags(flags)
  for i = 1, n_questions do
    local question = {}
    pos, question.dname = name_at(data, pos)
    question.dtype, question.class, pos = string.unpack(">I2I2", data, pos)
    message.questions[i] = question
  end
  for section, list in ipairs({ message.answers, message.auth, message.add }) do
    for i = 1, counts[section] do
      -- a message that was cut keeps the records that came
      local ok, record, after = pcall(decode_record, data, pos)
      if not ok then
        return message
      end
      list[i], pos = record, after
    end
  end
  return message
end

--- The message in `data`, or nil, reason when it is none.
function M.decode(data)
  local ok, message = pcall(decode_message, data)
  if not ok then
    return nil, "broken DNS message"
  end
  return message
end

local function encode_section(records)
  local out = {}
  for i, record in ipairs(records) do
    out[i] = M.encode_name(record.dname or "")
      .. string.pack(">I2I2I4s2", record.type, record.class, record.ttl, record.rdata)
  end
  return table.concat(out)
end

local function encode_questions(questions)
  local out = {}
  for i, question in ipairs(questions) do
    out[i] = M.encode_name(question.dname) .. string.pack(">I2I2", question.dtype, question.class)
  end
  return table.concat(out)
end

--- The bytes of a message. `zones` and `updates` stand where questions and authority records do
-- (RFC 2136).
function M.encode(message)
  local questions = #message.questions > 0 and message.questions or message.zones or {}
  local authority = message.updates or {}
  local header = string.pack(">I2I2I2I2I2I2", message.id, encode_flags(message.flags), #questions,
    0,
    #authority, #message.additional)
  return header .. encode_questions(questions) .. encode_section(authority)
    .. encode_section(message.additional)
end

return M
