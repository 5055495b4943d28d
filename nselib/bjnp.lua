--- BJNP, the protocol of Canon's network printers and scanners (as the drivers of SANE and CUPS
-- describe it): who is there, and what it is (the IEEE 1284 device id). Nothing is printed.

local ipOps, ipairs, nmap = require "ipOps", ipairs, require "nmap"
local setmetatable, stdnse, string = setmetatable, require "stdnse", string

local M = {}

M.device = { PRINTER = 1, SCANNER = 2 }
M.command = { DISCOVER = 0x01, GET_IDENTITY = 0x30 }

local answers_max, value_max = 64, 300

--- A request: 16 bytes of header, no payload.
function M.request(device, command, sequence)
  return string.pack(">c4BBI2I2I2I4", "BJNP", device, command, 0, sequence, 0, 0)
end

--- An answer: { device, command, sequence, payload }; nil when it is none.
function M.parse(data)
  if #data < 16 or string.sub(data, 1, 4) ~= "BJNP" then
    return nil
  end
  local device, command, _, sequence, _, length = string.unpack(">BBI2I2I2I4", data, 5)
  if device & 0x80 == 0 or #data < 16 + length then
    return nil
  end
  return { device = device & 0x7f, command = command, sequence = sequence,
    payload = string.sub(data, 17, 16 + length) }
end

--- What a discovery is answered with: { mac = bytes, ip }, or nil.
function M.parse_discovery(payload)
  if #payload < 6 then
    return nil
  end
  local mac_size, ip_size = string.byte(payload, 5, 6)
  if mac_size ~= 6 or ip_size ~= 4 or #payload < 16 then
    return nil
  end
  return { mac = string.sub(payload, 7, 12), ip = ipOps.str_to_ip(string.sub(payload, 13, 16)) }
end

local labels = {
  { "Manufacturer", "MFG" }, { "Model", "MDL" }, { "Description", "DES" }, { "Class", "CLS" },
  { "Firmware version", "VER" }, { "Serial", "SN" }, { "Command", "CMD" },
}

--- The fields of an identity: key -> value, and the same as lines; nil without any.
function M.parse_identity(payload)
  local length = #payload >= 2 and string.unpack(">I2", payload)
  local text = length and string.sub(payload, 3, length + 2) or ""
  -- the length counts itself with some models
  local fields, lines = {}, {}
  for key, value in string.gmatch(text, "%f[%u%d]([%u%d]+):([^;]*)") do
    fields[key] = fields[key] or string.gsub(string.sub(value, 1, value_max), "%c", ".")
  end
  for _, label in ipairs(labels) do
    if fields[label[2]] and fields[label[2]] ~= "" then
      lines[#lines + 1] = label[1] .. ": " .. fields[label[2]]
    end
  end
  return #lines > 0 and fields or nil, lines
end

--- A conversation. `options`: bcast (the host is a broadcast address), timeout (seconds), tries
-- (how often a request is sent that gets no answer: 1).
M.Helper = {}
M.Helper.__index = M.Helper

function M.Helper:new(host, port, options)
  return setmetatable({ host = host, port = port, options = options or {}, sequence = 0 }, self)
end

function M.Helper:connect()
  local socket = nmap.new_socket("udp")
  socket:set_timeout((self.options.timeout or 5) * 1000)
  self.socket = socket
  if self.options.bcast then
    return true
  end
  return socket:connect(self.host, self.port, "udp")
end

local function send(self, device, command)
  self.sequence = self.sequence + 1
  local bytes = M.request(device, command, self.sequence)
  if self.options.bcast then
    return self.socket:sendto(self.host, self.port, bytes)
  end
  return self.socket:send(bytes)
end

-- The next answer to the last request.
local function receive(self, command)
  for _ = 1, answers_max do
    local status, data = self.socket:receive()
    if not status then
      return nil, data
    end
    local answer = M.parse(data)
    if answer and answer.command == command and answer.sequence == self.sequence then
      return answer
    end
  end
  return nil, "no BJNP answer"
end

-- Sends a request until there is an answer: the first one, or nil and the reason.
local function ask(self, device, command)
  local answer, reason
  for _ = 1, self.options.tries or 1 do
    local status
    status, reason = send(self, device, command)
    if not status then
      return nil, reason
    end
    answer, reason = receive(self, command)
    if answer then
      return answer
    end
  end
  return nil, reason
end

--- What a device is: `true, lines, fields` or `false, reason`.
function M.Helper:identity(device)
  local answer, reason = ask(self, device, M.command.GET_IDENTITY)
  local fields, lines
  if answer then
    fields, lines = M.parse_identity(answer.payload)
  end
  if not fields then
    return false, reason or "no identity"
  end
  return true, lines, fields
end

function M.Helper:getPrinterIdentity()
  return self:identity(M.device.PRINTER)
end

function M.Helper:getScannerIdentity()
  return self:identity(M.device.SCANNER)
end

--- Who answers: `true, array of { ip, mac }` or `false, reason`.
function M.Helper:discover(device)
  local found, seen = {}, {}
  local answer, reason = ask(self, device, M.command.DISCOVER)
  while answer and #found < answers_max do
    local who = M.parse_discovery(answer.payload)
    if who and not seen[who.ip] then
      seen[who.ip] = true
      found[#found + 1] = { ip = who.ip, mac = stdnse.format_mac(who.mac) }
    end
    answer, reason = receive(self, M.command.DISCOVER)
  end
  return #found > 0, #found > 0 and found or reason
end

function M.Helper:discoverPrinter()
  return self:discover(M.device.PRINTER)
end

function M.Helper:discoverScanner()
  return self:discover(M.device.SCANNER)
end

function M.Helper:close()
  return self.socket:close()
end

return M
