--- SNMP 1 and 2c (RFC 1157, RFC 3416): requests, answers, and the engine id that SNMP 3 tells
-- everybody (RFC 3414).
--
--     local helper = snmp.Helper:new(host, port, "public")
--     helper:connect()
--     local status, values = helper:get({}, "1.3.6.1.2.1.1.1.0")   -- { { value, oid text, oid } }
--
-- Object identifiers are texts or arrays of numbers with `_snmp` "\6". Values: integer, string,
-- oid, IPv4 addresses as texts, false for null.

local asker, asn1, ipairs, math = require "asker", require "asn1", ipairs, math
local nmap = require "nmap"
local rand, setmetatable, stdnse = require "rand", setmetatable, require "stdnse"
local string, table, tonumber, type = string, table, tonumber, type

local M = {}

-- Encoding ----------------------------------------------------------------------------------------

--- An object identifier from its text; texts and arrays.
function M.str2oid(oidStr)
  if type(oidStr) == "table" then
    return oidStr
  end
  local oid = { _snmp = "\6" }
  for part in string.gmatch(oidStr, "%d+") do
    oid[#oid + 1] = tonumber(part)
  end
  return oid
end

--- The text of an object identifier.
function M.oid2str(oid)
  return table.concat(oid, ".")
end

--- An IPv4 address as a value to be set; and its text.
function M.str2ip(ipStr)
  local address = { _snmp = "\x40" }
  for part in string.gmatch(ipStr, "%d+") do
    address[#address + 1] = tonumber(part)
  end
  return address
end
function M.ip2str(ip)
  return table.concat(ip, ".")
end

local encoder = asn1.ASN1Encoder:new()
local decoder = asn1.ASN1Decoder:new()

local function unsigned(_, bytes, length, at)
  if length < 1 or length > 9 then
    return nil, at + length
  end
  local text = string.sub(bytes, at, at + length - 1)
  return (string.unpack(">I8", string.sub(string.rep("\0", 8) .. text, -8))), at + length
end

local function pdu(tag)
  return function(self, bytes, length, at)
    local value, after = self:decodeSeq(bytes, length, at)
    if value then
      value._snmp = tag
    end
    return value, after
  end
end

local application = {
  ["\x40"] = function(_, bytes, length, at)
    if length ~= 4 then
      return nil, at + length
    end
    return string.format("%d.%d.%d.%d", string.byte(bytes, at, at + 3)), at + 4
  end,
  ["\x41"] = unsigned, ["\x42"] = unsigned, ["\x43"] = unsigned, ["\x46"] = unsigned,
  ["\x44"] = function(_, bytes, length, at)
    return string.sub(bytes, at, at + length - 1), at + length
  end,
}
-- noSuchObject, noSuchInstance, endOfMibView
for _, tag in ipairs({ "\x80", "\x81", "\x82" }) do
  application[tag] = function(_, _, length, at)
    return false, at + length
  end
end
for code = 0xa0, 0xa8 do
  application[string.char(code)] = pdu(string.char(code))
end
decoder:registerTagDecoders(application)

--- The bytes of a packet, a request or a value; false and nil are null.
function M.encode(val)
  return val == false and "\5\0" or encoder:encode(val)
end

--- The value at `pos` (1): value, position after it.
function M.decode(encStr, pos)
  return decoder:decode(encStr, pos)
end

-- Requests ----------------------------------------------------------------------------------------

--- A packet around a request. `version`: 0 for SNMP 1 (or what the script argument `snmp.version`
-- says), 1 for 2c.
function M.buildPacket(PDU, version, commStr)
  local given = stdnse.get_script_args("snmp.version")
  local names = { v1 = 0, v2c = 1, ["1"] = 0, ["2c"] = 1 }
  version = version or names[given or "v1"] or 0
  return { version, commStr or stdnse.get_script_args("snmpcommunity") or "public", PDU }
end

local function request_id(options)
  return options.reqId or math.floor(nmap.clock_ms() % 65000) + 1
end

-- Names with their values, from a list of identifiers or of tables { oid, value }.
local function bindings(list)
  local out = {}
  for i, item in ipairs(list) do
    out[i] = { M.str2oid(item), false }
  end
  return out
end

local function read_request(tag)
  return function(options, ...)
    options = options or {}
    return {
      _snmp = tag, request_id(options), options.err or 0, options.errIdx or 0, bindings({ ... }),
    }
  end
end

--- A GetRequest, a GetNextRequest for some identifiers. `options.reqId`: the number of the request.
M.buildGetRequest = read_request("\xa0")
M.buildGetNextRequest = read_request("\xa1")

local function write_request(tag)
  return function(options, oid, value)
    options = options or {}
    local list
    if type(oid) == "table" and not oid._snmp then
      list = {}
      for i, item in ipairs(oid) do
        list[i] = { M.str2oid(item[1]), item[2] }
      end
    else
      list = { { M.str2oid(oid), value } }
    end
    return { _snmp = tag, request_id(options), options.err or 0, options.errIdx or 0, list }
  end
end

--- A SetRequest, a GetResponse: one identifier and value, or an array of { identifier, value }.
M.buildSetRequest = write_request("\xa3")
M.buildGetResponse = write_request("\xa2")

--- A trap of SNMP 1.
function M.buildTrap(enterpriseOid, agentIp, genTrap, specTrap, timeStamp)
  return {
    _snmp = "\xa4", M.str2oid(enterpriseOid), M.str2ip(agentIp), genTrap, specTrap,
    { _snmp = "\x43", timeStamp }, {},
  }
end

--- The values of an answer (bytes, a packet, or a PDU): an array of { value, oid text, oid }. Empty
-- when there are none.
function M.fetchResponseValues(resp)
  if type(resp) == "string" then
    resp = M.decode(resp)
  end
  local result = {}
  if type(resp) ~= "table" then
    return result
  end
  local message = resp._snmp and resp or resp[3]
  local list = type(message) == "table" and message[4]
  for _, binding in ipairs(type(list) == "table" and list or {}) do
    local name = type(binding) == "table" and binding[1]
    if type(name) == "table" and name._snmp == "\6" then
      result[#result + 1] = { binding[2], M.oid2str(name), name }
    end
  end
  return result
end

-- Helper ------------------------------------------------------------------------------------------

M.Helper = {}
M.Helper.__index = M.Helper

local walk_max = 10000

-- The community to use: given, the script argument, one that was found before, "public".
local function community_for(community)
  return community or stdnse.get_script_args("snmpcommunity") or nmap.registry.snmpcommunity
    or "public"
end

--- A conversation with an agent. `options`: `timeout` (ms, 5000), `version`.
function M.Helper:new(host, port, community, options)
  return setmetatable({
    host = host, port = port, community = community_for(community), options = options or {},
  }, self)
end

--- Opens the socket: true, or false and the reason.
function M.Helper:connect()
  self.socket = nmap.new_socket("udp")
  local timeout_ms = self.options.timeout or 5000
  self.socket:set_timeout(timeout_ms)
  local status, reason = self.socket:connect(self.host, self.port, "udp")
  if not status then
    return false, reason
  end
  return true
end

-- The answer to the request of this number, passing over late ones to what was asked before.
local function receive_answer(self, id)
  for _ = 1, 3 do
    local status, reply = self.socket:receive()
    if not status then
      return nil, reply
    end
    self.heard = true
    local packet = M.decode(reply)
    if type(packet) ~= "table" or type(packet[3]) ~= "table" or packet[3][1] == id then
      return true, reply
    end
  end
  return nil, "answers to other requests only"
end

--- Sends a request and returns the bytes of the answer: true, bytes; or nil, reason. It is asked
-- twice.
function M.Helper:request(message)
  local bytes = M.encode(M.buildPacket(message, self.options.version, self.community))
  local status, reply
  for _ = 1, 2 do
    status, reply = self.socket:send(bytes)
    if not status then
      return nil, reply
    end
    status, reply = receive_answer(self, message[1])
    if status then
      return true, reply
    end
  end
  return nil, reply
end

local function answer(self, message)
  local status, reply = self:request(message)
  if not status then
    return nil, reply
  end
  local packet = M.decode(reply)
  if type(packet) ~= "table" or type(packet[3]) ~= "table" then
    return nil, "broken SNMP answer"
  end
  return true, M.fetchResponseValues(packet), packet[3]
end

--- The values of identifiers: true and an array of { value, oid text, oid }; or nil and the reason.
function M.Helper:get(options, ...)
  return answer(self, M.buildGetRequest(options, ...))
end

--- The values that come after identifiers.
function M.Helper:getnext(options, ...)
  return answer(self, M.buildGetNextRequest(options, ...))
end

--- Sets a value, or several: `oid` then is an array of { oid, value }.
function M.Helper:set(options, oid, setparam)
  return answer(self, M.buildSetRequest(options, oid, setparam))
end

--- All values below an identifier: true and an array of { oid = text, value = }, with `baseoid`.
function M.Helper:walk(base_oid)
  local result, oid = { baseoid = base_oid }, base_oid
  local last = {}
  while #result < walk_max do
    self.walked = (self.walked or 0) + 1
    local status, values, message = self:getnext({ reqId = self.walked }, oid)
    if not status then
      return false, values
    end
    local value = values[1]
    local inside = value and string.sub(value[2], 1, #base_oid + 1) == base_oid .. "."
    if not inside or message[2] ~= 0 or last[value[2]] or value[1] == nil then
      break
    end
    last[value[2]] = true
    result[#result + 1] = { oid = value[2], value = value[1] }
    oid = value[2]
  end
  return true, result
end

--- What an agent that has not answered says: nothing where it does not take the community, to which it
-- must be silent. Where one of SNMP 3 was recognised, which answers anyone who asks for its engine, and
-- now does not even do that, it is an error.
function M.Helper:check_silence(reason)
  local version = type(self.port) == "table" and self.port.version or {}
  if not self.heard and asker.is_loss(reason) and string.find(version.product or "", "SNMPv3", 1, true)
    and not M.discover_engine(self.host, self.port, self.options.timeout) then
    asker.broken_off(reason)
  end
end

--- As `walk`, for a result that must be whole: the array, which is empty for an agent that has never
-- answered. One that has, and now is silent, is asked once more; then it is an error.
function M.Helper:whole(base_oid)
  local reason
  for _ = 1, 2 do
    local status, values = self:walk(base_oid)
    if status then
      return values
    elseif not self.heard then
      self:check_silence(values)
      return { baseoid = base_oid }
    end
    reason = values
  end
  error("the agent fell silent: " .. tostring(reason), 0)
end

-- SNMP 3 ------------------------------------------------------------------------------------------

--- Asks for the engine of an agent without any credentials (discovery, RFC 3414, section 4). True
-- and { engine_id = bytes, boots =, time = seconds }; or nil and the reason.
function M.discover_engine(host, port, timeout)
  local id = (string.unpack(">I2", rand.random_string(2)))
  local usm = encoder:encode({ "", 0, 0, "", "", "" })
  local header = { id, 65507, "\4", 3 }
  local scoped = { "", "", { _snmp = "\xa0", id, 0, 0, {} } }
  local bytes = encoder:encode({ 3, header, usm, scoped })
  local socket = nmap.new_socket("udp")
  socket:set_timeout(timeout or 4000)
  local status, reply
  -- datagrams get lost
  for _ = 1, 2 do
    status, reply = socket:sendto(host, port, bytes)
    if status then
      status, reply = socket:receive()
    end
    if status then
      break
    end
  end
  socket:close()
  if not status then
    return nil, reply
  end
  local packet = M.decode(reply)
  local parameters = type(packet) == "table" and type(packet[3]) == "string" and M.decode(packet[3])
  if type(parameters) ~= "table" or type(parameters[1]) ~= "string"
    or type(parameters[2]) ~= "number" or type(parameters[3]) ~= "number" then
    return nil, "no SNMP 3 answer"
  end
  return true, { engine_id = parameters[1], boots = parameters[2], time = parameters[3] }
end

return M
