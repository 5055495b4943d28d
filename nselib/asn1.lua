--- ASN.1 in the Basic Encoding Rules (X.690), as far as SNMP, LDAP and Kerberos need it.
--
-- Lua values and what they become: integer INTEGER, string OCTET STRING, boolean BOOLEAN, nil NULL,
-- a table SEQUENCE; of a table with the field `_snmp` (an identifier byte) that type, with the
-- items as its content; `_snmp` "\6" is an object identifier, `_snmp` "\x40" an IPv4 address. A
-- table with `_ldaptype` (an identifier byte) is what that says. Other types are registered by tag.
--
-- A decoder is a function (decoder, bytes, length, position) -> value, position after it. What is
-- cut short or nests too deeply gives nil.

local ipairs, math, pairs, pcall = ipairs, math, pairs, pcall
local setmetatable, string, table, tonumber = setmetatable, string, table, tonumber
local type = type

local M = {}

local depth_max = 64

--- Classes of identifiers.
M.BERCLASS = { Universal = 0, Application = 64, ContextSpecific = 128, Private = 192 }

--- An identifier byte from its parts, and the parts of one: { class, constructed, number }.
function M.BERtoInt(class, constructed, number)
  return class + (constructed and 32 or 0) + number
end
function M.intToBER(i)
  return { class = i & 0xc0, constructed = i & 0x20 ~= 0, number = i & 0x1f }
end

-- Decoding ----------------------------------------------------------------------------------------

M.ASN1Decoder = {}

--- A decoder that knows the base types.
function M.ASN1Decoder:new(o)
  o = o or {}
  self.__index = self
  setmetatable(o, self)
  o.decoder = {}
  o.depth = 0
  o:registerBaseDecoders()
  return o
end

--- Does one broken item end the whole decoding (true), or is it left out?
function M.ASN1Decoder:setStopOnError(val)
  self.stoponerror = val
end

--- The length at `pos`: length, position after it. nil when it is cut short or longer than four
-- bytes.
function M.ASN1Decoder.decodeLength(encStr, pos)
  local first = string.byte(encStr, pos)
  if not first then
    return nil, pos
  elseif first < 0x80 then
    return first, pos + 1
  end
  local n = first & 0x7f
  if n == 0 or n > 4 or pos + n > #encStr then
    return nil, pos
  end
  return string.unpack(">I" .. n, encStr, pos + 1), pos + 1 + n
end

--- A signed integer of `len` bytes: number, position after it.
function M.ASN1Decoder.decodeInt(encStr, len, pos)
  if len < 1 or len > 8 or pos + len - 1 > #encStr then
    -- of longer numbers (keys) only the position is wanted
    return nil, pos + len
  end
  return string.unpack(">i" .. len, encStr, pos), pos + len
end

--- One part of an object identifier: number, position after it.
function M.ASN1Decoder.decode_oid_component(encStr, pos)
  local value = 0
  repeat
    local byte = string.byte(encStr, pos)
    if not byte then
      return nil, pos
    end
    value = value << 7 | byte & 0x7f
    pos = pos + 1
  until byte < 0x80
  return value, pos
end

--- An object identifier of `len` bytes: an array of numbers with `_snmp` "\6", position after it.
function M.ASN1Decoder:decodeOID(encStr, len, pos)
  local oid, at = { _snmp = "\6" }, 1
  local bytes = string.sub(encStr, pos, pos + len - 1)
  while at <= #bytes do
    local part, after = self.decode_oid_component(bytes, at)
    if not part then
      return nil, pos + len
    end
    if #oid == 0 then
      local first = math.min(part // 40, 2)
      oid[1], oid[2] = first, part - first * 40
    else
      oid[#oid + 1] = part
    end
    at = after
  end
  return oid, pos + len
end

-- Is the item at `pos` whole, and of a type that nobody registered?  That is no error: protocols gain
-- fields.
function M.ASN1Decoder:is_unknown(encStr, pos, last)
  local len, at = self.decodeLength(encStr, pos + 1)
  return len ~= nil and at + len - 1 <= last and not self.decoder[string.sub(encStr, pos, pos)]
end

--- The items of a sequence of `len` bytes: an array, position after it. Items that are not known
-- are left out.
function M.ASN1Decoder:decodeSeq(encStr, len, pos)
  local seq, n, last = {}, 0, pos + len - 1
  while pos <= last do
    local value, after = self:decode(encStr, pos, last)
    if after <= pos then
      break
    end
    if value == nil and self.stoponerror and not self:is_unknown(encStr, pos, last) then
      return nil, last + 1
    elseif value ~= nil then
      n = n + 1
      seq[n] = value
    end
    pos = after
  end
  return seq, last + 1
end

local function decode_string(_, encStr, len, pos)
  return string.sub(encStr, pos, pos + len - 1), pos + len
end

--- Makes the base types known again.
function M.ASN1Decoder:registerBaseDecoders()
  local function integer(_, encStr, len, pos)
    return self.decodeInt(encStr, len, pos)
  end
  self:registerTagDecoders({
    ["\1"] = function(_, encStr, len, pos)
      return string.byte(encStr, pos) ~= 0, pos + len
    end,
    ["\2"] = integer, ["\10"] = integer,
    ["\4"] = decode_string, ["\12"] = decode_string, ["\19"] = decode_string,
    ["\22"] = decode_string,
    ["\23"] = decode_string, ["\24"] = decode_string, ["\27"] = decode_string,
    ["\5"] = function(_, _, len, pos)
      return false, pos + len
    end,
    ["\6"] = self.decodeOID,
    ["\x30"] = self.decodeSeq, ["\x31"] = self.decodeSeq,
  })
end

--- Makes further types known: identifier byte -> decoder.
function M.ASN1Decoder:registerTagDecoders(tagDecoders)
  for tag, decoder in pairs(tagDecoders) do
    self.decoder[tag] = decoder
  end
end

--- The value at `pos` (1): value, position after it. nil for a type that is not known. `last`: where
-- the bytes end that it may take (the text's end).
function M.ASN1Decoder:decode(encStr, pos, last)
  pos, last = pos or 1, last or #encStr
  local tag = string.sub(encStr, pos, pos)
  local len, at = self.decodeLength(encStr, pos + 1)
  if tag == "" or not len or at + len - 1 > last or self.depth > depth_max then
    return nil, last + 1
  end
  local decoder = self.decoder[tag]
  if not decoder then
    return nil, at + len
  end
  self.depth = self.depth + 1
  local ok, value, after = pcall(decoder, self, encStr, len, at)
  self.depth = self.depth - 1
  if not ok then
    return nil, at + len
  end
  return value, after or at + len
end

-- Encoding ----------------------------------------------------------------------------------------

M.ASN1Encoder = {}

--- An encoder that knows the base types.
function M.ASN1Encoder:new()
  local o = { encoder = {} }
  self.__index = self
  setmetatable(o, self)
  o:registerBaseEncoders()
  return o
end

--- The bytes of a length.
function M.ASN1Encoder.encodeLength(len)
  if len < 0x80 then
    return string.char(len)
  end
  local bytes = string.gsub(string.pack(">I4", len), "^\0+", "")
  return string.char(0x80 | #bytes) .. bytes
end

--- The bytes of an integer, as few as it needs.
function M.ASN1Encoder.encodeInt(val)
  local n = 1
  while n < 8 and (val < -(1 << (8 * n - 1)) or val >= 1 << (8 * n - 1)) do
    n = n + 1
  end
  return string.pack(">i" .. n, val)
end

--- The bytes of a part of an object identifier.
function M.ASN1Encoder.encode_oid_component(n)
  local bytes = { n & 0x7f }
  n = n >> 7
  while n > 0 do
    table.insert(bytes, 1, n & 0x7f | 0x80)
    n = n >> 7
  end
  return string.char(table.unpack(bytes))
end

local function with_tag(tag, content)
  return tag .. M.ASN1Encoder.encodeLength(#content) .. content
end

--- A sequence around bytes that are encoded already.
function M.ASN1Encoder:encodeSeq(seqData)
  return with_tag("\x30", seqData)
end

local function encode_items(self, list)
  local out = {}
  for i, item in ipairs(list) do
    -- false stands for NULL inside lists, where nil cannot stand
    out[i] = item == false and "\5\0" or self:encode(item)
  end
  return table.concat(out)
end

local function encode_table(self, val)
  if val._ldaptype == "\10" then
    return with_tag("\10", self.encodeInt(val[1]))
  elseif val._ldaptype then
    local content = type(val[1]) == "string" and #val == 1 and val[1] or encode_items(self, val)
    return with_tag(val._ldaptype, content)
  elseif val._snmp == "\6" then
    local out = { string.char((val[1] or 0) * 40 + (val[2] or 0)) }
    for i = 3, #val do
      out[#out + 1] = self.encode_oid_component(val[i])
    end
    return with_tag("\6", table.concat(out))
  elseif val._snmp == "\x40" then
    return with_tag("\x40", string.char(table.unpack(val, 1, 4)))
  elseif val._snmp == "\x41" or val._snmp == "\x42" or val._snmp == "\x43" then
    return with_tag(val._snmp, self.encodeInt(val[1]))
  end
  return with_tag(val._snmp or "\x30", encode_items(self, val))
end

--- Makes the base types known again.
function M.ASN1Encoder:registerBaseEncoders()
  self:registerTagEncoders({
    table = encode_table,
    boolean = function(_, val)
      return with_tag("\1", val and "\xff" or "\0")
    end,
    number = function(encoder, val)
      return with_tag("\2", encoder.encodeInt(math.tointeger(val) or math.floor(val)))
    end,
    string = function(_, val)
      return with_tag("\4", val)
    end,
    ["nil"] = function()
      return "\5\0"
    end,
  })
end

--- Makes further encoders known: Lua type -> function (encoder, value) -> bytes.
function M.ASN1Encoder:registerTagEncoders(tagEncoders)
  for kind, encoder in pairs(tagEncoders) do
    self.encoder[kind] = encoder
  end
end

--- The bytes of a value.
function M.ASN1Encoder:encode(val)
  local encoder = self.encoder[type(val)]
  return encoder and encoder(self, val)
end

return M
