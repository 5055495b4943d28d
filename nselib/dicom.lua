--- DICOM (PS3.8, sections 9.3 and annex D): asking a medical imaging server for an association,
-- which is released again at once. No data is asked for.

local match, nmap, string = require "match", require "nmap", string
local stringaux = require "stringaux"

local M = {}

--- Types of protocol data units.
M.PDU_CODES = { ASSOCIATE_REQUEST = 1, ASSOCIATE_ACCEPT = 2, ASSOCIATE_REJECT = 3, DATA = 4,
  RELEASE_REQUEST = 5, RELEASE_RESPONSE = 6, ABORT = 7 }

local pdu_max, items_max = 65536, 64
local application = "1.2.840.10008.3.1.1.1"
local verification, implicit_le = "1.2.840.10008.1.1", "1.2.840.10008.1.2"

-- An item: type, reserved byte, length, bytes.
local function item(kind, bytes)
  return string.pack(">BBs2", kind, 0, bytes)
end

local function pdu(kind, body)
  return string.pack(">BBs4", kind, 0, body)
end

-- A title of an application entity: 16 characters, padded with blanks.
local function title(name)
  return string.sub(name .. string.rep(" ", 16), 1, 16)
end

--- The bytes of a request for an association that verifies and nothing more.
function M.associate_request(calling, called)
  local syntaxes = item(0x30, verification) .. item(0x40, implicit_le)
  -- the identifier is of our own: 2.25 with a UUID as a number (PS3.5, B.2)
  local user = item(0x51, string.pack(">I4", 16384))
    .. item(0x52, "2.25.266483765698177904807843784722728147903") .. item(0x55, "MUSTER")
  return pdu(M.PDU_CODES.ASSOCIATE_REQUEST, string.pack(">I2I2", 1, 0)
    .. title(called or "ANY-SCP") .. title(calling or "ECHOSCU") .. ("\0"):rep(32)
    .. item(0x10, application) .. item(0x20, "\1\0\0\0" .. syntaxes) .. item(0x50, user))
end

-- Items one after the other: calls each(kind, bytes).
local function each_item(data, at, each)
  for _ = 1, items_max do
    if at + 3 > #data then
      return
    end
    local kind, _, length = string.unpack(">BBI2", data, at)
    if at + 3 + length > #data then
      return
    end
    each(kind, string.sub(data, at + 4, at + 3 + length))
    at = at + 4 + length
  end
end

--- What the body of an acceptance says: { class_uid, version, max_length }.
function M.parse_accept(body)
  local out = {}
  each_item(body, 69, function(kind, bytes)
    if kind == 0x50 then
      each_item(bytes, 1, function(sub, value)
        if sub == 0x51 and #value == 4 then
          out.max_length = string.unpack(">I4", value)
        elseif sub == 0x52 then
          out.class_uid = string.match(value, "^[%d.]+")
        elseif sub == 0x55 then
          out.version = stringaux.trim_end((string.gsub(value, "[^\x20-\x7e]", ".")))
        end
      end)
    end
  end)
  return out
end

-- The next unit: type and body, or nil and the reason.
local function receive(socket)
  local status, head = socket:receive_buf(match.numbytes(6), true)
  if not status then
    return nil, head
  end
  local kind, _, length = string.unpack(">BBI4", head)
  if kind < 1 or kind > 7 or length > pdu_max then
    return nil, "no DICOM"
  end
  local body = ""
  if length > 0 then
    status, body = socket:receive_buf(match.numbytes(length), true)
    if not status then
      return nil, body
    end
  end
  return kind, body
end

--- Asks for an association: `true, { class_uid, version, max_length }`; `false, "ASSOCIATE REJECT
-- received", { result, source, reason }` when the server does not take us; else `false, reason`.
-- `calling`, `called`: titles of application entities.
function M.associate(host, port, calling, called)
  local socket = nmap.new_socket()
  socket:set_timeout(5000)
  local status, reason = socket:connect(host, port, "tcp")
  if status then
    status, reason = socket:send(M.associate_request(calling, called))
  end
  if not status then
    socket:close()
    return false, reason
  end
  local kind, body = receive(socket)
  if kind == M.PDU_CODES.ASSOCIATE_ACCEPT then
    socket:send(pdu(M.PDU_CODES.RELEASE_REQUEST, "\0\0\0\0"))
  end
  socket:close()
  if kind == M.PDU_CODES.ASSOCIATE_ACCEPT and #body >= 68 then
    return true, M.parse_accept(body)
  elseif kind == M.PDU_CODES.ASSOCIATE_REJECT and #body >= 4 then
    local _, result, source, why = string.byte(body, 1, 4)
    return false, "ASSOCIATE REJECT received", { result = result, source = source, reason = why }
  elseif kind == M.PDU_CODES.ABORT then
    return false, "ABORT received"
  end
  return false, kind and "no answer to the request" or body
end

return M
