--- RDP: the connection's beginning (MS-RDPBCGR 2.2.1.1 to 2.2.1.4, T.125, T.124) and the first step
-- of CredSSP (MS-CSSP 2.2.1).
--
--     local comm = rdp.Comm:new(host, port)
--     comm:connect()
--     local status, answer = comm:exch(rdp.Request.ConnectionRequest:new(rdp.PROTOCOL_SSL))

local asn1, ipairs, match = require "asn1", ipairs, require "match"
local nmap, setmetatable, string, tostring = require "nmap", setmetatable, string, tostring
local unicode = require "unicode"

local M = {}

--- Protocols of the negotiation (2.2.1.1.1).
M.PROTOCOL_RDP, M.PROTOCOL_SSL, M.PROTOCOL_HYBRID = 0, 1, 2
M.PROTOCOL_RDSTLS, M.PROTOCOL_HYBRID_EX = 4, 8

--- Why a server refuses (2.2.1.2.2).
M.FAILURES = {
  [1] = "SSL_REQUIRED_BY_SERVER", [2] = "SSL_NOT_ALLOWED_BY_SERVER", [3] = "SSL_CERT_NOT_ON_SERVER",
  [4] = "INCONSISTENT_FLAGS", [5] = "HYBRID_REQUIRED_BY_SERVER",
  [6] = "SSL_WITH_USER_AUTH_REQUIRED_BY_SERVER",
}

--- Methods and levels of RDP's own encryption (2.2.1.4.3).
M.ENCRYPTION_40BIT, M.ENCRYPTION_128BIT, M.ENCRYPTION_56BIT, M.ENCRYPTION_FIPS = 1, 2, 8, 16
M.LEVELS = { [0] = "None", "Low", "Client Compatible", "High", "FIPS Compliant" }

local pdu_max = 65535

local function tpkt(x224)
  return string.pack(">BBI2", 3, 0, #x224 + 4) .. x224
end

-- Requests ----------------------------------------------------------------------------------------

M.Request = {}

-- A request is its bytes, and what its answer is decoded with.
local Message = {}
Message.__index = Message
Message.__tostring = function(self)
  return self.bytes
end

--- X.224 Connection Request that offers protocols (a sum; nil: no negotiation). Answer: { kind = "response", protocol,
-- flags }, { kind = "failure", code }, or { kind = "plain" } from a server that knows no
-- negotiation.
M.Request.ConnectionRequest = {}
function M.Request.ConnectionRequest:new(protocols)
  local negotiation = protocols and string.pack("<BBI2I4", 1, 0, 8, protocols) or ""
  local x224 = string.pack(">s1", "\xe0\0\0\0\0\0" .. negotiation)
  return setmetatable({ bytes = tpkt(x224), decode = M.decode_confirm }, Message)
end

--- What a Connection Confirm says; nil for anything else.
function M.decode_confirm(x224)
  if #x224 < 7 or string.byte(x224, 2) ~= 0xd0 then
    return nil
  elseif #x224 < 15 then
    return { kind = "plain" }
  end
  local kind, flags, _, value = string.unpack("<BBI2I4", x224, 8)
  if kind == 2 then
    return { kind = "response", protocol = value, flags = flags }
  elseif kind == 3 then
    return { kind = "failure", code = value, text = M.FAILURES[value] or tostring(value) }
  end
end

-- T.125 with BER: length in three bytes, as this PDU is long.
local function ber(tag, content)
  return tag .. string.pack(">BI2", 0x82, #content) .. content
end

local function domain_parameters(...)
  local out = ""
  for _, value in ipairs({ ... }) do
    local bytes = value < 0x80 and string.pack(">B", value) or string.pack(">I2", value)
    out = out .. string.pack(">Bs1", 2, bytes)
  end
  return string.pack(">Bs1", 0x30, out)
end

-- 2.2.1.3.2: the client's core data, of RDP 5, 1024x768, our name.
local function client_core(selected)
  local name = unicode.utf8to16("MUSTER")
  local content = string.pack("<I4I2I2I2I2I4I4", 0x00080004, 1024, 768, 0xca01, 0xaa03, 0x409, 2600)
    .. name .. string.rep("\0", 32 - #name) .. string.pack("<I4I4I4", 4, 0, 12)
    .. string.rep("\0", 64) .. string.pack("<I2I2I4I2I2I2", 0xca01, 1, 0, 24, 15, 1)
    .. string.rep("\0", 64) .. string.pack("<BBI4", 0, 0, selected)
  return string.pack("<I2I2", 0xc001, #content + 4) .. content
end

local function per_length(n)
  return n < 0x80 and string.pack(">B", n) or string.pack(">I2", n | 0x8000)
end

-- T.124 ConferenceCreateRequest with Microsoft's key, around the client's data.
local function conference_request(data)
  local request = "\0\8\0\16\0\1\xc0\0Duca" .. per_length(#data) .. data
  return "\0\5\0\20\124\0\1" .. per_length(#request) .. request
end

--- MCS Connect Initial that offers methods of encryption (a sum), after the protocol `selected` was
-- agreed. Answer: { version, method, level }, each nil where the server does not tell it; and the
-- same as `ccr` { proto_version = line of text, enc_cipher, enc_level }.
M.Request.MCSConnectInitial = {}
function M.Request.MCSConnectInitial:new(methods, selected)
  local security = string.pack("<I2I2I4I4", 0xc002, 12, methods, 0)
  local cluster = string.pack("<I2I2I4I4", 0xc004, 12, 0x0d, 0)
  local user_data = conference_request(client_core(selected or 0) .. cluster .. security)
  local initial = ber("\x7f\x65", "\4\1\1\4\1\1\1\1\xff"
    .. domain_parameters(34, 2, 0, 1, 0, 1, 0xffff, 2) .. domain_parameters(1, 1, 1, 1, 0, 1, 1056, 2)
    .. domain_parameters(0xffff, 0xfc17, 0xffff, 1, 0, 1, 0xffff, 2) .. ber("\4", user_data))
  return setmetatable({ bytes = tpkt("\2\xf0\x80" .. initial), decode = M.decode_response }, Message)
end

local function read_security(answer, block)
  if #block >= 8 then
    answer.method, answer.level = string.unpack("<I4I4", block)
  end
end

--- The version in the server's core data (MS-RDPBCGR 2.2.1.4.2) in words.
function M.version_text(version)
  local major, minor = version >> 16, version & 0xffff
  if major ~= 8 then
    return ("Unknown (0x%08x)"):format(version)
  elseif minor == 1 then
    return "RDP 4.0 server"
  elseif minor == 4 then
    return "RDP 5.x, 6.x, 7.x, or 8.x server"
  elseif minor >= 5 and minor <= 0x11 then
    return ("RDP 10.%d server"):format(minor - 5)
  end
  return ("Unknown (0x%08x)"):format(version)
end

--- What an MCS Connect Response says; nil for anything else. The server's data stand behind the key
-- "McDn" (2.2.1.4): blocks of kind, length, content.
function M.decode_response(x224)
  local mark = string.find(x224, "McDn", 1, true)
  if not mark or string.sub(x224, 1, 5) ~= "\2\xf0\x80\x7f\x66" then
    return nil
  end
  local at = mark + 4
  at = at + ((string.byte(x224, at) or 0) >= 0x80 and 2 or 1)
  local answer = {}
  while at + 3 <= #x224 do
    local kind, length = string.unpack("<I2I2", x224, at)
    if length < 4 or at + length - 1 > #x224 then
      break
    end
    local block = string.sub(x224, at + 4, at + length - 1)
    if kind == 0x0c01 and #block >= 4 then
      answer.version = string.unpack("<I4", block)
    elseif kind == 0x0c02 then
      read_security(answer, block)
    end
    at = at + length
  end
  answer.ccr = {
    proto_version = answer.version and "RDP Protocol Version:  " .. M.version_text(answer.version),
    enc_cipher = answer.method, enc_level = answer.level,
  }
  return answer
end

-- A connection ------------------------------------------------------------------------------------

M.Comm = {}
M.Comm.__index = M.Comm

function M.Comm:new(host, port)
  return setmetatable({ host = host, port = port }, self)
end

--- Connects: true, or false and the reason.
function M.Comm:connect()
  self.socket = nmap.new_socket()
  self.socket:set_timeout(5000)
  local host, port = self.host, self.port
  return self.socket:connect(host, port, "tcp")
end

function M.Comm:close()
  return self.socket:close()
end

--- The X.224 part of the next TPKT packet: `true, bytes` or `false, reason`.
function M.Comm:recv()
  local status, head = self.socket:receive_buf(match.numbytes(4), true)
  if not status then
    return false, head
  end
  local version, length = string.unpack(">BxI2", head)
  if version ~= 3 or length < 7 then
    return false, "no TPKT packet"
  end
  return self.socket:receive_buf(match.numbytes(length - 4), true)
end

-- A PDU of X.224: its code and what follows its fixed part, which has three bytes in data PDUs and
-- seven in those of a connection's begin (X.224, sections 13.3 and 13.7).
local function itut_of(x224)
  local code = string.byte(x224, 2) or 0
  return { code = code, data = string.sub(x224, code == 0xf0 and 4 or 8) }
end

--- Sends a request, or bytes: true, or false and the reason.
function M.Comm:send(request)
  return self.socket:send(tostring(request))
end

--- Sends a request and decodes its answer: `true, answer` or `false, reason`. The answer's `itut` is
-- the PDU of X.224 around it: { code, data }.
function M.Comm:exch(request)
  local status, reason = self:send(request)
  if not status then
    return false, reason
  end
  local data
  status, data = self:recv()
  if not status then
    return false, data
  end
  local answer = request.decode(data)
  if not answer then
    return false, "another answer than expected"
  end
  answer.itut = itut_of(data)
  return true, answer
end

--- A connection on which `protocols` (a sum) were offered: connection and answer, or nil, reason,
-- connected.
function M.negotiate(host, port, protocols)
  local connection = M.Comm:new(host, port)
  local status, answer = connection:connect()
  if not status then
    return nil, answer, false
  end
  status, answer = connection:exch(M.Request.ConnectionRequest:new(protocols))
  if not status then
    connection:close()
    return nil, answer, true
  end
  return connection, answer
end

-- CredSSP -----------------------------------------------------------------------------------------

local function der(tag, content)
  return string.char(tag) .. asn1.ASN1Encoder.encodeLength(#content) .. content
end

--- A TSRequest with one token (MS-CSSP 2.2.1), version 6.
function M.ts_request(token)
  local tokens = der(0x30, der(0x30, der(0xa0, der(4, token))))
  return der(0x30, "\xa0\3\2\1\6" .. der(0xa1, tokens))
end

--- Sends a token over the socket, on which TLS was begun, and reads the server's TSRequest: its
-- bytes, or nil, reason.
function M.exchange_token(socket, token)
  local status, data = socket:send(M.ts_request(token))
  local head
  if status then
    status, head = socket:receive_buf(match.numbytes(2), true)
  end
  if not status then
    return nil, head or data
  end
  local tag, length = string.byte(head, 1, 2)
  if tag ~= 0x30 or length == 0x80 or length > 0x82 then
    return nil, "no TSRequest"
  elseif length > 0x80 then
    local width = length - 0x80
    status, data = socket:receive_buf(match.numbytes(width), true)
    length = status and string.unpack(">I" .. width, data) or pdu_max + 1
  end
  if length > pdu_max or length == 0 then
    return nil, "no TSRequest"
  end
  status, data = socket:receive_buf(match.numbytes(length), true)
  return status and data or nil, data
end

return M
