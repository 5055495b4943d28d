--- iSCSI (RFC 7143): which targets a portal has, and whether one must log in to them.

local ipairs, match, nmap, pcall = ipairs, require "match", require "nmap", pcall
local rand, require, setmetatable = require "rand", require, setmetatable
local stdnse, string, table, tonumber = require "stdnse", string, table, tonumber
local has_openssl, openssl = pcall(require, "openssl")

local M = {}

local data_max, targets_max, pdus_max = 1 << 18, 256, 16
local LOGIN, LOGIN_REPLY, TEXT, TEXT_REPLY, LOGOUT = 0x43, 0x23, 0x44, 0x24, 0x46
local SECURITY, OPERATIONAL, FULL = 0, 1, 3

--- Why a login fails (11.13.5): class and detail.
M.STATUS = {
  [0] = "Success",
  [0x0101] = "Target moved temporarily", [0x0102] = "Target moved permanently",
  [0x0200] = "Initiator error", [0x0201] = "Authentication failure",
  [0x0202] = "Authorization failure", [0x0203] = "Target not found", [0x0204] = "Target removed",
  [0x0205] = "Unsupported version", [0x0206] = "Too many connections",
  [0x0207] = "Missing parameter", [0x0300] = "Target error", [0x0301] = "Service unavailable",
  [0x0302] = "Out of resources",
}

M.Packet = {}

--- How a login ended. As text it is why it failed.
M.Packet.LoginResponse = {
  Errors = { SUCCESS = 0, AUTHENTICATION_FAILURE = 0x0201, AUTHORIZATION_FAILURE = 0x0202,
    NOT_FOUND = 0x0203 },
}
M.Packet.LoginResponse.__index = M.Packet.LoginResponse

local function response(code, reason)
  return setmetatable({ code = code, reason = reason }, M.Packet.LoginResponse)
end

--- Class and detail as one number: Errors.SUCCESS, ...; nil when there was no answer.
function M.Packet.LoginResponse:getErrorCode()
  return self.code
end

function M.Packet.LoginResponse:getErrorMessage()
  return self.reason or M.STATUS[self.code] or ("status 0x%04x"):format(self.code or 0xffff)
end

M.Packet.LoginResponse.__tostring = M.Packet.LoginResponse.getErrorMessage

--- Keys and values as the bytes of a data segment: a list of pairs.
function M.encode(list)
  local out = {}
  for i, pair in ipairs(list) do
    out[i] = pair[1] .. "=" .. pair[2] .. "\0"
  end
  return table.concat(out)
end

--- A data segment as a list of pairs.
function M.decode(data)
  local list = {}
  for key, value in string.gmatch(data, "%f[^=%z]([^=%z]+)=([^%z]*)%z?") do
    list[#list + 1] = { key, value }
  end
  return list
end

local function value_of(list, name)
  for _, pair in ipairs(list) do
    if pair[1] == name then
      return pair[2]
    end
  end
end

M.Helper = {}
M.Helper.__index = M.Helper

function M.Helper:new(host, port)
  return setmetatable({
    host = host, port = port, isid = "\x80" .. rand.random_string(5), cmd_sn = 1, stat_sn = 0,
    tag = 1,
  }, self)
end

--- Connects, by a socket of its own or one that is given: true, or false and the reason.
function M.Helper:connect(socket)
  self.socket = socket or nmap.new_socket()
  self.socket:set_timeout(7000)
  local host, port = self.host, self.port
  return self.socket:connect(host, port)
end

local function padded(data)
  return data .. string.rep("\0", -#data % 4)
end

-- A PDU: opcode, flags, bytes 8 to 15, tag, bytes 20 to 23, numbers, data.
local function pdu(self, opcode, flags, from8, from20, data)
  return string.pack(">BBI2BI3", opcode, flags, 0, 0, #data) .. from8
    .. string.pack(">I4", self.tag) .. from20
    .. string.pack(">I4I4", self.cmd_sn, self.stat_sn) .. string.rep("\0", 16) .. padded(data)
end

-- The next PDU: `true, header, data` or `false, reason`.
local function receive(self)
  local status, head = self.socket:receive_buf(match.numbytes(48), true)
  if not status then
    return false, head
  end
  local extra, length = string.unpack(">BI3", head, 5)
  local size = extra * 4 + length + -length % 4
  if length > data_max then
    return false, "no iSCSI PDU"
  elseif size == 0 then
    return true, head, ""
  end
  local data
  status, data = self.socket:receive_buf(match.numbytes(size), true)
  if not status then
    return false, data
  end
  return true, head, string.sub(data, extra * 4 + 1, extra * 4 + length)
end

-- One step of a login, in a stage or from it to a later one: `true, keys of the answer` or `false,
-- response`.
local function login_step(self, from, to, keys)
  local flags = to and 0x80 | from << 2 | to or from << 2
  local status, head = self.socket:send(pdu(self, LOGIN, flags, self.isid .. "\0\0", "\0\0\0\0",
    M.encode(keys)))
  local data
  if status then
    status, head, data = receive(self)
  end
  if not status then
    return false, response(nil, head)
  elseif string.byte(head) & 0x3f ~= LOGIN_REPLY then
    return false, response(nil, "no answer to the login")
  end
  self.stat_sn = (string.unpack(">I4", head, 25) + 1) & 0xffffffff
  local code = string.unpack(">I2", head, 37)
  if code ~= 0 then
    return false, response(code)
  end
  return true, M.decode(data)
end

local INITIATOR = { "InitiatorName", "iqn.2026-01.org.muster:inventory" }
local refused = M.Packet.LoginResponse.Errors.AUTHENTICATION_FAILURE

-- What a target wants to hear (12.1.3): its challenge, hashed with the secret; nil when it asks
-- otherwise. Numbers are decimal or hexadecimal, the challenge hexadecimal (or base64: not known here).
local function chap_answer(keys, secret)
  local id = tonumber(value_of(keys, "CHAP_I") or "")
  local digits = string.match(value_of(keys, "CHAP_C") or "", "^0[xX](%x+)$")
  if not has_openssl or value_of(keys, "CHAP_A") ~= "5" or not id or not digits or #digits % 2 == 1 then
    return nil
  end
  local challenge = stdnse.fromhex(digits)
  return "0x" .. stdnse.tohex(openssl.md5(string.char(id & 0xff) .. secret .. challenge))
end

-- Proves a name by CHAP, once the target has chosen that: true, or false and the response.
local function chap(self, username, secret)
  local status, keys = login_step(self, SECURITY, nil, { { "CHAP_A", "5" } })
  if not status then
    return false, keys
  end
  local answer = chap_answer(keys, secret)
  if not answer then
    return false, response(refused, "the target asks for another kind of CHAP")
  end
  return login_step(self, SECURITY, OPERATIONAL, { { "CHAP_N", username }, { "CHAP_R", answer } })
end

-- The security stage: true, or false and the response.
local function prove(self, target, username, password)
  local keys = { INITIATOR, { "SessionType", target and "Normal" or "Discovery" },
    { "AuthMethod", username and "CHAP" or "None,CHAP" } }
  if target then
    keys[#keys + 1] = { "TargetName", target }
  end
  local status, answer = login_step(self, SECURITY, not username and OPERATIONAL or nil, keys)
  if not status then
    return false, answer
  end
  local method = value_of(answer, "AuthMethod")
  if username and method == "CHAP" then
    return chap(self, username, password or "")
  elseif method and method ~= "None" then
    return false, response(refused)
  end
  return true
end

--- Starts a session: with a target, or for discovery when it is nil; without a login, or by CHAP where
-- a name is given. `true, response` or `false, response` (Packet.LoginResponse).
function M.Helper:login(target, username, password)
  local status, answer = prove(self, target, username, password)
  if status then
    status, answer = login_step(self, OPERATIONAL, FULL, { { "HeaderDigest", "None" },
      { "DataDigest", "None" }, { "MaxRecvDataSegmentLength", "65536" } })
  end
  return status, status and response(0) or answer
end

-- TargetName and the TargetAddress lines after it.
local function targets_of(list)
  local targets = {}
  for _, pair in ipairs(list) do
    if pair[1] == "TargetName" and #targets < targets_max then
      targets[#targets + 1] = { name = pair[2], addr = {} }
    elseif pair[1] == "TargetAddress" and #targets > 0 then
      table.insert(targets[#targets].addr, pair[2])
    end
  end
  return targets
end

-- Asks SendTargets and gathers the answer, which may come in several PDUs.
local function send_targets(self)
  local status, head, data = self.socket:send(pdu(self, TEXT, 0x80, string.rep("\0", 8),
    "\xff\xff\xff\xff", M.encode({ { "SendTargets", "All" } })))
  local parts = {}
  for _ = 1, status and pdus_max or 0 do
    status, head, data = receive(self)
    if not status then
      return false, head
    elseif string.byte(head) & 0x3f ~= TEXT_REPLY then
      return false, "no answer to SendTargets"
    end
    parts[#parts + 1] = data
    if string.byte(head, 2) & 0x80 ~= 0 then
      return true, table.concat(parts)
    end
    -- the target transfer tag of the answer asks for the rest
    self.stat_sn = (string.unpack(">I4", head, 25) + 1) & 0xffffffff
    self.socket:send(pdu(self, TEXT, 0x80, string.rep("\0", 8), string.sub(head, 21, 24), ""))
  end
  return false, head or "the answer does not end"
end

--- Is this a refusal that passes: too many connections, or trouble of the target (class 3)?
function M.Packet.LoginResponse:passes()
  return self.code ~= nil and (self.code == 0x0206 or self.code >> 8 == 3)
end

--- All targets: `true, array of { name, addr = { "192.0.2.1:3260,1" } }` or `false, reason, whether
-- it passes`: what ends after a login does.
function M.Helper:discoverTargets()
  local status, answer = self:login(nil)
  if not status then
    return false, answer:getErrorMessage(), answer:passes()
  end
  self.tag = self.tag + 1
  local data
  status, data = send_targets(self)
  if not status then
    return false, data, true
  end
  return true, targets_of(M.decode(data))
end

--- Ends the session and the connection.
function M.Helper:logout()
  self.socket:send(pdu(self, LOGOUT, 0x80, string.rep("\0", 8), "\0\0\0\0", ""))
  return self.socket:close()
end

function M.Helper:close()
  return self.socket:close()
end

return M
