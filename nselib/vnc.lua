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
  return match.read(self.socket, n)
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

--- The version that both sides speak, as text: "3.8".
function M.VNC:getProtocolVersion()
  local major, minor = string.match(self.client_version or "", "^(%d+)%.(%d+)$")
  return major and ("%d.%d"):format(tonumber(major), tonumber(minor)) or nil
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

local shown = { __tostring = function(item)
  return ("%s (%d)"):format(item.name, item.type)
end }

-- { name =, type = } of each number, shown as "name (type)".
local function as_table(numbers, names)
  local list = {}
  for i, number in ipairs(numbers) do
    list[i] = setmetatable({ name = names[number] or "Unknown security type", type = number },
      shown)
  end
  return list
end

--- The offered types: array of { name =, type = }, each shown as "name (type)".
function M.VNC:getSecTypesAsTable()
  return as_table(self.types or {}, types)
end

--- Chooses a security type (7.1.2): true, or false and the reason.
function M.VNC:sendSecType(number)
  return self.socket:send(string.char(number))
end

-- VeNCrypt's begin, once it was chosen (the rfbproto community document, "VeNCrypt"): version, ours,
-- acknowledgement, count, 32-bit numbers. An array, or nil, reason.
local function vencrypt_subtypes(self)
  local status, version = bytes(self, 2)
  if not status or version ~= "\0\2" then
    return nil, status and "another version of VeNCrypt" or version
  end
  self.socket:send("\0\2")
  local head, list
  status, head = bytes(self, 2)
  if not status or string.byte(head) ~= 0 then
    return nil, status and "the version of VeNCrypt was refused" or head
  end
  status, list = bytes(self, 4 * string.byte(head, 2))
  local numbers = {}
  for at = 1, status and #list or 0, 4 do
    numbers[#numbers + 1] = string.unpack(">I4", list, at)
  end
  return #numbers > 0 and numbers or nil, "no types within VeNCrypt"
end

--- Asks for the types within VeNCrypt, after sendSecType: true, or false and the reason.
function M.VNC:handshake_vencrypt()
  local numbers, why = vencrypt_subtypes(self)
  self.vencrypt = numbers and { types = numbers, count = #numbers }
  return numbers ~= nil, numbers == nil and why or nil
end

--- The types within VeNCrypt, as those of getSecTypesAsTable.
function M.VNC:getVencryptTypesAsTable()
  return as_table(self.vencrypt and self.vencrypt.types or {}, subtype_names)
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

-- SecurityResult (RFC 6143, section 7.1.3); only since 3.8 a refusal has a reason.
local function login_result(self)
  local status, word = bytes(self, 4)
  if not status then
    return false, word
  elseif word == "\0\0\0\0" then
    return true
  end
  return false, self:getProtocolVersion() == "3.8" and reason(self) or "the login was refused"
end

-- VNC authentication (7.2.2): a challenge of 16 bytes, answered with DES.
local function answer_challenge(self, password)
  local status, challenge = bytes(self, 16)
  if not status then
    return false, challenge
  end
  local response, why = self.encryptVNCDES(self, password, challenge)
  if not response then
    return false, why
  end
  self.socket:send(response)
  return login_result(self)
end

--- Logs in, after the handshake, with the type `sectype`, or with what the server offers of None and
-- VNC authentication: true, or false and the reason. VNC authentication has no user names.
function M.VNC:login(_username, password, sectype)
  local none, vncauth = M.VNC.sectypes.NONE, M.VNC.sectypes.VNCAUTH
  sectype = sectype or self:supportsSecType(none) and none or vncauth
  if not self:supportsSecType(sectype) or sectype ~= none and sectype ~= vncauth then
    return false, "The server does not support the security type"
  end
  local version = self:getProtocolVersion()
  if version ~= "3.3" then
    self.socket:send(string.char(sectype))
  end
  if sectype == vncauth then
    return answer_challenge(self, password or "")
  elseif version ~= "3.8" then
    return true
  end
  return login_result(self)
end

return M
