--- TNS, the transport of Oracle's databases: connecting to a listener, and what it answers.
--
-- Packets have a header of eight bytes: length, checksum, type, flags, checksum of the header. Oracle
-- publishes no description; this is what listeners of versions 9 to 19 answer, as far as the version
-- goes. Logins are not here.

local comm, match, setmetatable, string = require "comm", require "match", setmetatable, string
local table, tonumber = table, tonumber

local M = {}

local packet_max, packets_max = 32767, 20

M.Packet = { TYPE = { CONNECT = 1, ACCEPT = 2, REFUSE = 4, REDIRECT = 5, DATA = 6, RESEND = 11 } }

--- A packet around its content.
function M.Packet.wrap(kind, content)
  return string.pack(">I2I2BBI2", #content + 8, 0, kind, 0, 0) .. content
end

--- CONNECT with connect data: versions 314 and 300, data behind the fixed part of 58 bytes.
function M.Packet.Connect(data)
  local fixed = string.pack(">I2I2I2I2I2I2I2I2I2I2I4BB", 314, 300, 0, 2048, 32767, 0x7f08, 0, 1,
    #data, 58, 0, 0x41, 0x41)
  return M.Packet.wrap(M.Packet.TYPE.CONNECT, fixed .. string.rep("\0", 24) .. data)
end

--- Connect data that ask the listener for its version.
M.COMMAND_VERSION = "(CONNECT_DATA=(COMMAND=VERSION))"

--- Connect data for a database, by its SID.
function M.sid_data(sid)
  return "(DESCRIPTION=(CONNECT_DATA=(SID=" .. sid .. ")(CID=(PROGRAM=muster)(HOST=muster)(USER="
    .. "muster))))"
end

--- A value of connect data or of an answer: the text between "(NAME=" and ")", or nil.
function M.value(text, name)
  return string.match(text, "%(" .. name .. "=([^()]*)%)")
end

--- The number with which a listener tells its version as text: 10.2.0.1.0; from 18 on the parts have
-- other widths (OCI manual, OCIServerRelease2).
function M.version_text(number)
  local major = number >> 24 & 0xff
  if major >= 18 then
    return ("%d.%d.%d.%d.%d"):format(major, number >> 16 & 0xff, number >> 12 & 0xf,
      number >> 4 & 0xff, number & 0xf)
  end
  return ("%d.%d.%d.%d.%d"):format(major, number >> 20 & 0xf, number >> 12 & 0xff,
    number >> 8 & 0xf, number & 0xff)
end

--- A connection that carries packets.
M.Comm = {}
M.Comm.__index = M.Comm

function M.Comm:new(socket)
  return setmetatable({ socket = socket }, self)
end

--- Connects to a listener, over TLS where the port speaks it and nothing else: a Comm, or nil and
-- the reason.
function M.Comm:connect(host, port, protocol)
  local socket, reason = comm.opencon(host, port, nil,
    { connect_only = true, proto = protocol or "tcp", timeout = 8000 })
  if not socket then
    return nil, reason
  end
  return M.Comm:new(socket)
end

function M.Comm:close()
  return self.socket:close()
end

--- Reads a packet: `true, kind, content` or `false, reason`.
function M.Comm:receive()
  local status, head = self.socket:receive_buf(match.numbytes(8), true)
  if not status then
    return false, head
  end
  local length, _, kind = string.unpack(">I2I2B", head)
  if length < 8 or length > packet_max or kind == 0 or kind > 19 then
    return false, "no TNS packet"
  elseif length == 8 then
    return true, kind, ""
  end
  local content
  status, content = self.socket:receive_buf(match.numbytes(length - 8), true)
  if not status then
    return false, content
  end
  return true, kind, content
end

--- Sends CONNECT and reads what the listener answers: `true, { accepted = bool, text }` or `false,
-- reason`. The text of a refusal stands behind four bytes, that of an acceptance comes in DATA
-- packets.
function M.Comm:ask(data)
  local packet = M.Packet.Connect(data)
  local status, kind, content = self.socket:send(packet), nil, nil
  local parts, answer = {}, nil
  for _ = 1, status and packets_max or 0 do
    status, kind, content = self:receive()
    if not status then
      break
    elseif kind == M.Packet.TYPE.RESEND then
      self.socket:send(packet)
    elseif kind == M.Packet.TYPE.REFUSE then
      return true, { accepted = false, text = string.sub(content, 5) }
    elseif kind == M.Packet.TYPE.ACCEPT then
      answer = { accepted = true }
    elseif kind == M.Packet.TYPE.DATA and answer then
      parts[#parts + 1] = string.sub(content, 3)
      if string.unpack(">I2", content .. "\0\0") & 0x40 ~= 0 then
        break
      end
    else
      return false, "another answer than expected"
    end
  end
  if not answer then
    return false, kind or "no answer"
  end
  answer.text = table.concat(parts)
  return true, answer
end

--- The version in an answer: dotted text, or nil. A refusal has it as a number, an acceptance in
-- words.
function M.version_of(text)
  local number = tonumber(M.value(text, "VSNNUM") or "")
  if number and number > 0 and number <= 0xffffffff then
    return M.version_text(number)
  end
  return string.match(text, "Version (%d+[%d.]+)")
end

return M
