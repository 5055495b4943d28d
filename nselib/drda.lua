--- DRDA (The Open Group, DRDA version 5, volume 3): the exchange of attributes with which every
-- conversation with DB2, Derby or Informix begins, and logins.

local ipairs, match, nmap, pairs = ipairs, require "match", require "nmap", pairs
local setmetatable = setmetatable
local stdnse, string, table, tonumber = require "stdnse", string, table, tonumber
local stringaux = require "stringaux"

local M = {}

local message_max, objects_max = 32767, 200

--- Code points.
M.CP = {
  EXCSAT = 0x1041, EXCSATRD = 0x1443, ACCSEC = 0x106d, ACCSECRD = 0x14ac, SECCHK = 0x106e,
  SECCHKRM = 0x1219, EXTNAM = 0x115e, SRVCLSNM = 0x1147, SRVNAM = 0x116d, SRVRLSLV = 0x115a,
  MGRLVLLS = 0x1404, SECMEC = 0x11a2, SECCHKCD = 0x11a4, RDBNAM = 0x2110, USRID = 0x11a0,
  PASSWORD = 0x11a1,
}

-- EBCDIC ------------------------------------------------------------------------------------------

-- Code page 500: the bytes of the characters 0x20 to 0x7e.
local printable = stdnse.fromhex("404f7f7b5b6c507d4d5d5c4e6b604b61f0f1f2f3f4f5f6f7f8f97a5e4c7e6e6f"
  .. "7cc1c2c3c4c5c6c7c8c9d1d2d3d4d5d6d7d8d9e2e3e4e5e6e7e8e94ae05a5f6d"
  .. "79818283848586878889919293949596979899a2a3a4a5a6a7a8a9c0bbd0a1")
local to_ebcdic, to_ascii = {}, {}
for i = 1, #printable do
  local ascii, ebcdic = string.char(0x1f + i), string.sub(printable, i, i)
  to_ebcdic[ascii], to_ascii[ebcdic] = ebcdic, ascii
end

M.StringUtil = {}

--- Texts in ASCII and in EBCDIC; what has no counterpart becomes a question mark.
function M.StringUtil.toEBCDIC(text)
  return (string.gsub(text, "[%z\1-\255]", function(c)
    return to_ebcdic[c] or to_ebcdic["?"]
  end))
end
function M.StringUtil.toASCII(bytes)
  return (string.gsub(bytes, "[%z\1-\255]", function(c)
    return to_ascii[c] or "?"
  end))
end

-- Messages ----------------------------------------------------------------------------------------

--- A parameter: length, code point, content.
function M.parameter(code_point, content)
  return string.pack(">I2I2", #content + 4, code_point) .. content
end

-- A request in its DSS (chapter "Data Stream Structures"): magic 0xd0, a request (1), chained (0x40)
-- or not, correlation.
local function dss(correlation, object, chained)
  return string.pack(">I2BBI2", #object + 6, 0xd0, chained and 0x41 or 1, correlation) .. object
end

--- EXCSAT: who we are, and the managers that we know.
function M.excsat()
  local text = M.StringUtil.toEBCDIC
  return M.parameter(M.CP.EXCSAT, M.parameter(M.CP.EXTNAM, text("muster"))
    .. M.parameter(M.CP.SRVNAM, text("muster")) .. M.parameter(M.CP.SRVRLSLV, text("muster"))
    .. M.parameter(M.CP.MGRLVLLS, string.pack(">I2I2I2I2I2I2I2I2I2I2", 0x1403, 7, 0x2407, 7, 0x1474,
      5, 0x2408, 5, 0x240f, 7)) .. M.parameter(M.CP.SRVCLSNM, text("muster")))
end

--- ACCSEC with the mechanism user and password (3).
function M.accsec(database)
  return M.parameter(M.CP.ACCSEC, M.parameter(M.CP.SECMEC, "\0\3")
    .. M.parameter(M.CP.RDBNAM, M.StringUtil.toEBCDIC((database .. (" "):rep(18)):sub(1, 18))))
end

--- SECCHK with user and password.
function M.secchk(database, username, password)
  local text = M.StringUtil.toEBCDIC
  return M.parameter(M.CP.SECCHK, M.parameter(M.CP.SECMEC, "\0\3")
    .. M.parameter(M.CP.RDBNAM, text((database .. (" "):rep(18)):sub(1, 18)))
    .. M.parameter(M.CP.USRID, text(username)) .. M.parameter(M.CP.PASSWORD, text(password)))
end

--- The parameters in an object's content: { [code point] = content }.
function M.parameters(content)
  local found, at = {}, 1
  for _ = 1, objects_max do
    if at + 3 > #content then
      break
    end
    local length, code_point = string.unpack(">I2I2", content, at)
    if length < 4 or at + length - 1 > #content then
      break
    end
    found[code_point] = string.sub(content, at + 4, at + length - 1)
    at = at + length
  end
  return found
end

--- Reads one reply: `true, code point, content` or `false, reason`.
function M.receive(socket)
  local status, head = socket:receive_buf(match.numbytes(6), true)
  if not status then
    return false, head
  end
  local length, magic = string.unpack(">I2B", head)
  if magic ~= 0xd0 or length < 10 or length > message_max then
    return false, "no DRDA reply"
  end
  local data
  status, data = socket:receive_buf(match.numbytes(length - 6), true)
  if not status then
    return false, data
  end
  local size, code_point = string.unpack(">I2I2", data)
  return true, code_point, string.sub(data, 5, size)
end

-- Helper ------------------------------------------------------------------------------------------

M.Helper = {}
M.Helper.__index = M.Helper

function M.Helper:new(socket)
  return setmetatable({ socket = socket }, self)
end

--- Connects: true, or false and the reason.
function M.Helper:connect(host, port)
  self.socket = self.socket or nmap.new_socket()
  self.socket:set_timeout(8000)
  return self.socket:connect(host, port)
end

function M.Helper:close()
  return self.socket:close()
end

-- Sends objects, chained, and reads a reply to each: `true, array of { code_point, parameters }`.
local function exchange(self, ...)
  local objects, request, replies = { ... }, {}, {}
  for i, object in ipairs(objects) do
    request[i] = dss(i, object, i < #objects)
  end
  local status, reason = self.socket:send(table.concat(request))
  if not status then
    return false, reason
  end
  for i = 1, #objects do
    local ok, code_point, content = M.receive(self.socket)
    if not ok then
      return false, code_point
    end
    replies[i] = { code_point = code_point, parameters = M.parameters(content) }
  end
  return true, replies
end

local server_fields = {
  platform = M.CP.SRVCLSNM, instance = M.CP.SRVNAM, extname = M.CP.EXTNAM, srvlevel = M.CP.SRVRLSLV,
}

-- "SQL08029" is 8.02.9, other names are as they are.
local function release(text)
  local version, rest, modification = string.match(text, "^SQL(%d%d)(%d%d)(%d)")
  if version then
    return ("%d.%s.%s"):format(tonumber(version), rest, modification)
  end
  return (string.gsub(text, "^CSS%d+/", ""))
end

--- What a server says of itself: `true, { platform, instance, extname, srvlevel, version }` or
-- `false, reason`.
function M.Helper:getServerInfo()
  local status, replies = exchange(self, M.excsat())
  if not status then
    return false, replies
  elseif replies[1].code_point ~= M.CP.EXCSATRD then
    return false, "no answer to EXCSAT"
  end
  local info = {}
  for name, code_point in pairs(server_fields) do
    local bytes = replies[1].parameters[code_point]
    info[name] = bytes and stringaux.trim_end(M.StringUtil.toASCII(bytes), "[ ?]")
  end
  info.version = info.srvlevel and release(info.srvlevel)
  return true, info
end

--- Logs in: true, or false and the reason.
function M.Helper:login(database, username, password)
  local status, replies = exchange(self, M.excsat(), M.accsec(database))
  if not status then
    return false, replies
  end
  status, replies = exchange(self, M.secchk(database, username, password))
  if not status then
    return false, replies
  end
  local code = replies[1].parameters[M.CP.SECCHKCD]
  if replies[1].code_point == M.CP.SECCHKRM and code == "\0" then
    return true
  end
  return false, "login failed"
end

return M
