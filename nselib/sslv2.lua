--- SSL 2 ("SSL 2.0 Protocol Specification", Netscape 1995), as far as the server's first answer:
-- which ciphers it takes. RFC 6176 forbids the protocol.

local ipairs, match, nmap, pairs = ipairs, require "match", require "nmap", pairs
local rand, sslcert, string, table = require "rand", require "sslcert", string, table

local M = {}

M.SSL_MESSAGE_TYPES = {
  ERROR = 0, CLIENT_HELLO = 1, CLIENT_MASTER_KEY = 2, CLIENT_FINISHED = 3, SERVER_HELLO = 4,
  SERVER_VERIFY = 5, SERVER_FINISHED = 6, REQUEST_CERTIFICATE = 7, CLIENT_CERTIFICATE = 8,
}

--- Name to three bytes as a number, and back.
M.SSL_CIPHERS = {
  SSL2_RC4_128_WITH_MD5 = 0x010080, SSL2_RC4_128_EXPORT40_WITH_MD5 = 0x020080,
  SSL2_RC2_128_CBC_WITH_MD5 = 0x030080, SSL2_RC2_128_CBC_EXPORT40_WITH_MD5 = 0x040080,
  SSL2_IDEA_128_CBC_WITH_MD5 = 0x050080, SSL2_DES_64_CBC_WITH_MD5 = 0x060040,
  SSL2_DES_192_EDE3_CBC_WITH_MD5 = 0x0700c0, SSL2_RC4_64_WITH_MD5 = 0x080080,
}
M.SSL_CIPHER_CODES = {}
for name, code in pairs(M.SSL_CIPHERS) do
  M.SSL_CIPHER_CODES[code] = name
end

local body_max = 32767

--- The bytes of a hello that offers these ciphers (names).
function M.client_hello(ciphers)
  local specs = {}
  for i, name in ipairs(ciphers) do
    specs[i] = string.pack(">I3", M.SSL_CIPHERS[name])
  end
  local list, challenge = table.concat(specs), rand.random_string(16)
  local body = string.pack(">BI2I2I2I2", M.SSL_MESSAGE_TYPES.CLIENT_HELLO, 2, #list, 0, #challenge)
    .. list .. challenge
  return string.pack(">I2", 0x8000 | #body) .. body
end

--- Reads one record: its body; nil, reason. Records of a hello have the short header, without
-- padding.
function M.record_buffer(socket)
  local status, head = socket:receive_buf(match.numbytes(2), true)
  if not status then
    return nil, head
  end
  local length = string.unpack(">I2", head)
  if length & 0x8000 == 0 or length & body_max < 11 then
    return nil, "no record of SSL 2"
  end
  local body
  status, body = socket:receive_buf(match.numbytes(length & body_max), true)
  if not status then
    return nil, body
  end
  return body
end

--- A SERVER-HELLO taken apart: { cert_type, ssl_version, cert, ciphers = { names }, connection_id };
-- nil for anything else.
function M.record_read(body)
  if #body < 11 or string.byte(body) ~= M.SSL_MESSAGE_TYPES.SERVER_HELLO then
    return nil
  end
  local _, _, kind, version, cert_length, list_length, id_length =
    string.unpack(">BBBI2I2I2I2", body)
  if version ~= 2 or 11 + cert_length + list_length + id_length > #body then
    return nil
  end
  local names, first = {}, 12 + cert_length
  for at = first, first + list_length - 3, 3 do
    local code = string.unpack(">I3", body, at)
    names[#names + 1] = M.SSL_CIPHER_CODES[code] or string.format("SSL2_UNKNOWN_%06x", code)
  end
  return {
    cert_type = kind, ssl_version = version, cert = string.sub(body, 12, 11 + cert_length),
    ciphers = names,
    connection_id = string.sub(body, first + list_length, first + list_length + id_length - 1),
  }
end

local function open(host, port)
  local prepare = sslcert.getPrepareTLSWithoutReconnect(port)
  if prepare then
    return prepare(host, port)
  end
  local socket = nmap.new_socket()
  socket:set_timeout(5000)
  local status, reason = socket:connect(host, port, "tcp")
  return status, status and socket or reason
end

--- The ciphers that a server takes, of all that there are: an array of names, empty when it speaks
-- SSL 2 and takes none; nil when it does not speak it.
function M.test_sslv2(host, port)
  local status, socket = open(host, port)
  if not status then
    return nil
  end
  local names = {}
  for name in pairs(M.SSL_CIPHERS) do
    names[#names + 1] = name
  end
  table.sort(names)
  socket:send(M.client_hello(names))
  local body = M.record_buffer(socket)
  socket:close()
  local hello = body and M.record_read(body)
  return hello and hello.ciphers
end

return M
