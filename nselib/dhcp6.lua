--- DHCPv6 (RFC 8415): asking the servers of a link what they would hand out. Only SOLICIT is sent:
-- an offer (ADVERTISE) binds nothing.

local datetime, ipairs, ipOps = require "datetime", ipairs, require "ipOps"
local nmap, rand, setmetatable = require "nmap", require "rand", setmetatable
local stdnse, string, table = require "stdnse", string, table

local M = {}

local servers, server_port, client_port = "ff02::1:2", 547, 546
local options_max, depth_max = 64, 4
-- seconds from 1970 to 2000, where times of DUIDs begin
local epoch = 946684800

--- Types of messages and options (RFC 8415, sections 7.3 and 21; RFC 3646, 4075, 5908, 4704).
M.MessageType = { SOLICIT = 1, ADVERTISE = 2, REPLY = 7, INFORMATION_REQUEST = 11 }
M.OptionTypes = { CLIENTID = 1, SERVERID = 2, IA_NA = 3, IA_TA = 4, IAADDR = 5, ORO = 6,
  PREFERENCE = 7, ELAPSED_TIME = 8, STATUS_CODE = 13, DNS_SERVERS = 23, DOMAIN_LIST = 24,
  SNTP_SERVERS = 31, CLIENT_FQDN = 39, NTP_SERVER = 56 }

local types = M.OptionTypes

--- A message that asks: transaction (3 bytes), hardware address (6 bytes).
function M.solicit(xid, mac)
  local function option(kind, body)
    return string.pack(">I2s2", kind, body)
  end
  return string.char(M.MessageType.SOLICIT) .. xid
    .. option(types.CLIENTID, string.pack(">I2I2", 3, 1) .. mac)
    .. option(types.ORO, string.pack(">I2I2I2I2", types.DNS_SERVERS, types.DOMAIN_LIST,
      types.SNTP_SERVERS, types.NTP_SERVER))
    .. option(types.ELAPSED_TIME, "\0\0")
    .. option(types.IA_NA, string.sub(mac, 3) .. ("\0"):rep(8))
end

-- Readers -----------------------------------------------------------------------------------------

local function addresses(body)
  local out = {}
  for at = 1, #body - 15, 16 do
    out[#out + 1] = ipOps.str_to_ip(string.sub(body, at, at + 15))
  end
  return #out > 0 and table.concat(out, ", ") or nil
end

-- A DUID (section 11): link layer address with or without a time, an enterprise's number, a UUID.
local function duid(body)
  if #body < 4 then
    return nil
  end
  local kind, hardware = string.unpack(">I2I2", body)
  if kind == 1 and hardware == 1 and #body == 14 then
    local time = string.unpack(">I4", body, 5) + epoch
    return string.format("MAC: %s; Time: %s", string.upper(stdnse.format_mac(string.sub(body, 9))),
      datetime.format_timestamp(time))
  elseif kind == 3 and hardware == 1 and #body == 10 then
    return "MAC: " .. string.upper(stdnse.format_mac(string.sub(body, 5)))
  elseif kind == 4 and #body == 18 then
    return "UUID: " .. stdnse.tohex(string.sub(body, 3))
  end
  return "DUID: " .. stdnse.tohex(body)
end

-- Names in the form of DNS, one after the other.
local function names(body)
  local out, labels, at = {}, {}, 1
  while at <= #body and #out < options_max do
    local length = string.byte(body, at)
    if length == 0 then
      out[#out + 1], labels = table.concat(labels, "."), {}
    elseif length > 63 or at + length > #body then
      break
    else
      labels[#labels + 1] = string.gsub(string.sub(body, at + 1, at + length), "[^%w%-_]", "?")
    end
    at = at + 1 + length
  end
  return #out > 0 and table.concat(out, ", ") or nil
end

-- Each option of a part: calls each(kind, body).
local function each_option(data, at, each)
  for _ = 1, options_max do
    if at + 3 > #data then
      return
    end
    local kind, length = string.unpack(">I2I2", data, at)
    if at + 3 + length > #data then
      return
    end
    each(kind, string.sub(data, at + 4, at + 3 + length))
    at = at + 4 + length
  end
end

local function add(out, name, value)
  if value then
    out[#out + 1] = { name = name, value = value }
  end
end

local readers = {}

-- The addresses inside an identity association.
local function association(name, at)
  return function(out, body, depth)
    if depth < depth_max then
      each_option(body, at, function(kind, inner)
        if kind == types.IAADDR and #inner >= 16 then
          add(out, name, ipOps.str_to_ip(string.sub(inner, 1, 16)))
        elseif readers[kind] and kind == types.STATUS_CODE then
          readers[kind](out, inner, depth + 1)
        end
      end)
    end
  end
end

local function text_reader(name, read)
  return function(out, body)
    add(out, name, read(body))
  end
end

readers[types.CLIENTID] = text_reader("Client identifier", duid)
readers[types.SERVERID] = text_reader("Server identifier", duid)
readers[types.IA_NA] = association("Non-temporary Address", 13)
readers[types.IA_TA] = association("Temporary Address", 5)
readers[types.DNS_SERVERS] = text_reader("DNS Servers", addresses)
readers[types.DOMAIN_LIST] = text_reader("Domain Search", names)
readers[types.SNTP_SERVERS] = text_reader("NTP Servers", addresses)
readers[types.PREFERENCE] = text_reader("Preference", function(body)
  return #body == 1 and string.byte(body) or nil
end)
readers[types.STATUS_CODE] = text_reader("Status", function(body)
  return #body >= 2 and string.format("%d %s", string.unpack(">I2", body),
    (string.gsub(string.sub(body, 3), "%c", "."))) or nil
end)
readers[types.NTP_SERVER] = function(out, body)
  each_option(body, 1, function(kind, inner)
    add(out, "NTP Servers", kind <= 2 and addresses(inner) or kind == 3 and names(inner) or nil)
  end)
end

local message_names = { [2] = "Advertise", [7] = "Reply" }

--- An answer from bytes: { type, xid = number, options = array of { name, value } }; nil when it is
-- none or another transaction's (`xid`: 3 bytes, nil for any).
function M.parse(data, xid)
  if #data < 4 or not message_names[string.byte(data)]
    or xid and string.sub(data, 2, 4) ~= xid then
    return nil
  end
  local out = { type = message_names[string.byte(data)], xid = string.unpack(">I3", data, 2),
    options = {} }
  each_option(data, 5, function(kind, body)
    if readers[kind] then
      readers[kind](out.options, body, 1)
    end
  end)
  return out
end

--- What scripts use: one interface by name. nil when there is no such with a link-local address.
M.Helper = {}
M.Helper.__index = M.Helper

function M.Helper:new(iface, options)
  local helper = setmetatable({ iface = iface, options = options or {} }, self)
  for _, interface in ipairs(nmap.list_interfaces()) do
    local address = interface.address or ""
    if interface.device == iface and interface.mac and string.find(address, "^fe80:") then
      helper.address, helper.mac = string.match(address, "^[^%%]+"), interface.mac
    end
  end
  return helper.address and helper or nil
end

--- Asks the servers of the link: `true, array of answers` as parse gives them, or `false, reason`.
function M.Helper:ask()
  local socket = nmap.new_socket("udp")
  local xid = rand.random_string(3)
  local timeout = self.options.timeout or 5000
  local status, reason = socket:bind(self.address .. "%" .. self.iface, client_port)
  if status then
    status, reason = socket:sendto(servers .. "%" .. self.iface, { number = server_port,
      protocol = "udp" }, M.solicit(xid, self.mac))
  end
  local answers, deadline = {}, nmap.clock_ms() + timeout
  socket:set_timeout(timeout)
  while status and #answers < options_max and nmap.clock_ms() < deadline do
    local data
    status, data = socket:receive()
    local answer = status and M.parse(data, xid)
    if answer then
      answers[#answers + 1] = answer
    end
    reason = not status and data or reason
    socket:set_timeout(1000)
  end
  socket:close()
  return #answers > 0, #answers > 0 and answers or reason
end

--- An answer as lines for stdnse.format_output.
function M.lines_of(answer)
  local options = { name = "Options" }
  for i, option in ipairs(answer.options) do
    options[i] = option.name .. ": " .. option.value
  end
  return { "Message type: " .. answer.type, "Transaction id: " .. answer.xid, options }
end

--- Asks, and takes the first answer: `true, lines` or `false, reason`.
function M.Helper:solicit()
  local status, answers = self:ask()
  if not status then
    return false, answers
  end
  return true, M.lines_of(answers[1])
end

return M
