--- VNC: the handshake of the Remote Framebuffer protocol (RFC 6143) up to the security types.

local ipairs, match, nmap, pcall = ipairs, require "match", require "nmap", pcall
local require, setmetatable, string = require, setmetatable, string
local table, tonumber = table, tonumber
local has_openssl, openssl = pcall(require, "openssl")

local M = {}

--- Security types (RFC 6143, section 7.1.2, and IANA's registry).
local types = {
  [0] = "Invalid", [1] = "None", [2] = "VNC Authentication", [5] = "RA2", [6] = "RA2ne",
  [16] = "Tight", [17] = "Ultra", [18] = "TLS", [19] = "VeNCrypt", [20] = "SASL",
  [21] = "MD5 hash authentication", [22] = "Colin Dean xvp", [30] = "Mac OSX security type",
  [33] = "Mac OSX security type", [35] = "Mac OSX security type",
}

--- Types within VeNCrypt.
M.VENCRYPT_SUBTYPES = {
  PLAIN = 256, TLSNONE = 257, TLSVNC = 258, TLSPLAIN = 259, X509NONE = 260, X509VNC = 261,
  X509PLAIN = 262, TLSSASL = 263, X509SASL = 264,
}
local subtype_names = {
  [256] = "Plain", [257] = "None, Anonymous TLS", [258] = "VNC auth, Anonymous TLS",
  [259] = "Plain, Anonymous TLS", [260] = "None, Server-authenticated TLS",
  [261] = "VNC auth, Server-authenticated TLS", [262] = "Plain, Server-authenticated TLS",
  [263] = "SASL, Anonymous TLS", [264] = "SASL, Server-authenticated TLS",
}

M.VNC = { sectypes = { INVALID = 0, NONE = 1, VNCAUTH = 2, RA2 = 5, TIGHT = 16, ULTRA = 17,
  TLS = 18, VENCRYPT = 19 } }
M.VNC.__index = M.VNC

function M.VNC:new(host, port, socket)
  return setmetatable({ host = host, port = port, socket = socket }, self)
end

function M.VNC:connect()
  if not self.socket then
    self.socket = nmap.new_socket()
    self.socket:set_timeout(7000)
    local host, port = self.host, self.port
    return self.socket:connect(host, port)
  end
  return true
end

function M.VNC:disconnect()
  return self.socket:close()
end

local function bytes(self, n)
  return self.socket:receive_buf(match.numbytes(n), true)
end

-- A refusal: length and text.
local function reason(self)
  local status, length = bytes(self, 4)
  length = status and string.unpack(">I4", length) or 0
  if length == 0 or length > 4096 then
    return "the server refuses"
  end
  local text
  status, text = bytes(self, length)
  return status and text or "the server refuses"
end

-- Before 3.7 the server chooses one type; later it offers a list.
local function read_types(self, minor)
  if minor < 7 then
    local status, one = bytes(self, 4)
    if not status then
      return false, one
    end
    local number = string.unpack(">I4", one)
    return true, number == 0 and "" or string.char(number & 255)
  end
  local status, count = bytes(self, 1)
  if not status then
    return false, count
  elseif count == "\0" then
    return true, ""
  end
  return bytes(self, string.byte(count))
end

--- Versions and security types. True, or false and the reason; then `protover` is the server's
-- version as it says it, `client_version` ours, `types` the numbers.
function M.VNC:handshake()
  local status, line = bytes(self, 12)
  if not status then
    return false, line
  end
  local major, minor = string.match(line, "^RFB (%d%d%d)%.(%d%d%d)\n$")
  if not major then
    return false, "no VNC server"
  end
  self.protover = string.sub(line, 5, 11)
  minor = tonumber(major) > 3 and 8 or tonumber(minor)
  minor = minor >= 8 and 8 or minor == 7 and 7 or 3
  self.client_version = ("003.%03d"):format(minor)
  self.socket:send("RFB " .. self.client_version .. "\n")
  local list
  status, list = read_types(self, minor)
  if not status then
    return false, list
  elseif list == "" then
    return false, reason(self)
  end
  self.types = { string.byte(list, 1, -1) }
  return true
end

--- Whether the server offers a type.
function M.VNC:supportsSecType(number)
  for _, offered in ipairs(self.types or {}) do
    if offered == number then
      return true
    end
  end
  return false
end

--- The offered types: array of { name =, type = }.
function M.VNC:getSecTypesAsTable()
  local list = {}
  for i, number in ipairs(self.types or {}) do
    list[i] = { name = types[number] or "Unknown security type", type = number }
  end
  return true, list
end

-- Chooses VeNCrypt and reads its types: version, ours, acknowledgement, count, 32-bit numbers.
local function vencrypt_subtypes(self)
  self.socket:send("\19")
  local status, version = bytes(self, 2)
  if not status or version ~= "\0\2" then
    return nil
  end
  self.socket:send("\0\2")
  local head
  status, head = bytes(self, 2)
  if not status or string.byte(head) ~= 0 then
    return nil
  end
  local list
  status, list = bytes(self, 4 * string.byte(head, 2))
  local numbers = {}
  for at = 1, status and #list or 0, 4 do
    numbers[#numbers + 1] = string.unpack(">I4", list, at)
  end
  return numbers
end

--- The types within VeNCrypt: `true, array of { name =, type = }`, or false.
function M.VNC:getVencryptTypesAsTable()
  local list = {}
  for _, number in ipairs(vencrypt_subtypes(self) or {}) do
    table.insert(list, { name = subtype_names[number] or "Unknown security type", type = number })
  end
  return #list > 0, list
end

-- The bits of a byte in the other order.
local function reversed(byte)
  local out = 0
  for shift = 0, 7 do
    out = out | (byte >> shift & 1) << 7 - shift
  end
  return out
end

--- The answer to a challenge of VNC authentication: DES with the first eight bytes of the password
-- as key, each byte's lowest bit first (RFC 6143, section 7.2.2). nil, reason without OpenSSL.
function M.VNC.encryptVNCDES(_, password, challenge)
  if not has_openssl then
    return nil, "there is no OpenSSL"
  end
  local key = { string.byte(string.sub(password, 1, 8) .. string.rep("\0", 8), 1, 8) }
  for i, byte in ipairs(key) do
    key[i] = reversed(byte)
  end
  return openssl.encrypt("des-ecb", string.char(table.unpack(key)), nil, challenge)
end

return M
