--- UPnP (UPnP Device Architecture 1.1 and 2.0): searching with SSDP, and the description that a
-- device serves over HTTP.
--
-- A description is fetched from the address that answered, never from another host that a LOCATION
-- names: an answer must not make us talk to whom it likes.

local error, pcall = error, pcall
local http, ipairs, math, nmap = require "http", ipairs, math, require "nmap"
local setmetatable, slaxml = setmetatable, require "slaxml"
local stdnse, string, table = require "stdnse", string, table
local stringaux = require "stringaux"
local tonumber, url = tonumber, require "url"

local M = {}

local group = "239.255.255.250"
local answers_max, description_max, devices_max, value_max = 512, 131072, 32, 200
-- A host alone: root devices that are looked at, and how long it may take them to answer after the
-- first, in ms.
local roots_max, together = 8, 500

--- The search for root devices. `mx`: seconds within which to answer; nil for one host alone
-- (Architecture 1.1, section 1.3.2).
function M.search(mx, st)
  return string.format(
    "M-SEARCH * HTTP/1.1\r\nHOST: %s:1900\r\nMAN: \"ssdp:discover\"\r\n%sST: %s\r\n\r\n", group,
    mx and "MX: " .. mx .. "\r\n" or "", st or "upnp:rootdevice")
end

--- The headers of an SSDP answer, names in small letters; nil when it is none.
function M.parse_answer(data)
  if not string.match(data, "^HTTP/1%.%d 200") then
    return nil
  end
  local headers = {}
  for name, value in string.gmatch(data, "\r?\n([%w%-%.]+):[ \t]*([^\r\n]*)") do
    local key = string.lower(name)
    headers[key] = headers[key] or string.sub(value, 1, value_max)
  end
  return headers
end

-- Descriptions ------------------------------------------------------------------------------------

local wanted = { deviceType = true, friendlyName = true, manufacturer = true,
  modelDescription = true, modelName = true, modelNumber = true, serialNumber = true, UDN = true }

--- The devices of a description, outermost first: array of { deviceType, friendlyName,
-- manufacturer, modelDescription, modelName, modelNumber, serialNumber, UDN, services = array of
-- service types }. Empty when there are none.
function M.parse_description(xml)
  local devices, open, name = {}, {}, nil
  local reader = slaxml.parser:new({
    startElement = function(element)
      name = element
      if element == "device" and #devices < devices_max then
        devices[#devices + 1] = { services = {} }
        open[#open + 1] = devices[#devices]
      end
    end,
    closeElement = function(element)
      name = nil
      if element == "device" then
        open[#open] = nil
      end
    end,
    text = function(text)
      local device = open[#open]
      text = string.sub(stringaux.trim(text), 1, value_max)
      if not device or text == "" then
        return
      elseif wanted[name] and not device[name] then
        device[name] = text
      elseif name == "serviceType" and #device.services < devices_max then
        table.insert(device.services, text)
      end
    end,
  })
  -- what nests too deeply, or is no XML, describes no device
  if not pcall(reader.parseSAX, reader, string.sub(xml, 1, description_max)) then
    return {}
  end
  return devices
end

local tries_max = 2

-- A page: the response of the last try. No answer and 5xx pass, and are tried again.
local function fetch(ip, port, path, options)
  local response
  for _ = 1, tries_max do
    response = http.get(ip, port, path, options)
    if response.status and response.status < 500 then
      break
    end
  end
  return response
end

--- The description behind a LOCATION, from the host `ip`: devices as above and the Server header;
-- nil, the reason, and whether it passes: no answer to a request, or trouble of the server.
function M.fetch_description(ip, location)
  local parts = url.parse(location)
  if parts.scheme ~= "http" or not parts.host then
    return nil, "no HTTP location"
  end
  local path = (parts.path or "/") .. (parts.query and "?" .. parts.query or "")
  local port = { number = tonumber(parts.port) or 80, protocol = "tcp" }
  local response = fetch(ip, port, path, { redirect_ok = false, no_cache = true,
    max_body_size = description_max, truncated_ok = true, header = { Host = parts.host .. ":"
    .. port.number } })
  if response.status ~= 200 or not response.body then
    return nil, "no description", not response.status or response.status >= 500
  end
  return M.parse_description(response.body), response.header["server"]
end

-- Searching ---------------------------------------------------------------------------------------

--- A search and its answers. `host` and `port` are left out for a search by multicast.
M.Comm = {}
M.Comm.__index = M.Comm

function M.Comm:new(host, port)
  return setmetatable({ host = host, port = port, mcast = false }, self)
end

function M.Comm:setMulticast(mcast)
  self.mcast = mcast
end

function M.Comm:connect()
  self.socket = nmap.new_socket("udp")
  self.socket:set_timeout(self.mcast and 4000 or 3000)
  return true
end

function M.Comm:sendRequest()
  if self.mcast then
    return self.socket:sendto(group, 1900, M.search(3))
  end
  return self.socket:sendto(self.host, self.port, M.search())
end

-- One entry for each place of a description and host.
local function collect(found, seen, ip, headers)
  local key = ip .. " " .. (headers.location or "")
  if not seen[key] then
    seen[key] = true
    found[#found + 1] = { ip = ip, server = headers.server, location = headers.location,
      usn = headers.usn }
  end
end

-- By address, device, place; of one host one place for each device. Answers come in any order.
local function sorted(found, mcast)
  table.sort(found, function(a, b)
    for _, key in ipairs({ "ip", "usn", "location" }) do
      local x, y = a[key] or "", b[key] or ""
      if x ~= y then
        return x < y
      end
    end
    return false
  end)
  if mcast then
    return found
  end
  local list, last = {}, nil
  for _, entry in ipairs(found) do
    if #list < roots_max and not (entry.usn and entry.usn == last) then
      list[#list + 1], last = entry, entry.usn
    end
  end
  return list
end

-- Answers into `found`, until no more come: the reason for that.
local function receive_round(self, found, seen)
  local deadline = nmap.clock_ms() + (#found > 0 and not self.mcast and together or 4500)
  for _ = 1, answers_max do
    local status, data = self.socket:receive()
    if not status then
      return data
    end
    local known, _, _, ip = self.socket:get_info()
    local headers = M.parse_answer(data)
    if headers then
      collect(found, seen, self.mcast and known and ip or self.host and (self.host.ip or self.host)
        or ip, headers)
    end
    if #found == 1 and not self.mcast then
      deadline = math.min(deadline, nmap.clock_ms() + together)
    end
    local left = deadline - nmap.clock_ms()
    if left <= 0 then
      return nil
    elseif #found > 0 and not self.mcast then
      self.socket:set_timeout(math.max(1, left // 1))
    end
  end
end

--- What answers: `true, array of { ip, server, location, usn }` or `false, reason`. Each root device
-- of a host answers for itself; datagrams get lost, so that a host alone is asked twice.
function M.Comm:receiveResponse()
  local found, seen = {}, {}
  local reason = receive_round(self, found, seen)
  if not self.mcast and self:sendRequest() then
    self.socket:set_timeout(#found > 0 and together or 3000)
    reason = receive_round(self, found, seen)
  end
  return #found > 0, #found > 0 and sorted(found, self.mcast) or reason or "no UPnP answer"
end

function M.Comm:close()
  return self.socket:close()
end

--- What scripts use.
M.Helper = {}
M.Helper.__index = M.Helper

function M.Helper:new(host, port)
  return setmetatable({ comm = M.Comm:new(host, port) }, self)
end

function M.Helper:setMulticast(mcast)
  self.comm:setMulticast(mcast)
end

--- Kept for scripts that ask for it: descriptions come from who answered in any case.
function M.Helper:setOverride(override)
  self.override = override
end

--- Searches, and fetches the descriptions: `true, array of { ip, server, location, usn, devices,
-- webserver }` or `false, reason`. Raises when a host alone does not give one that it names; of
-- many hosts one or the other never does.
function M.Helper:discover()
  self.comm:connect()
  local status, found = self.comm:sendRequest()
  if status then
    status, found = self.comm:receiveResponse()
  end
  self.comm:close()
  if not status then
    return false, found
  end
  for _, entry in ipairs(found) do
    local devices, server, passes
    if entry.location then
      devices, server, passes = M.fetch_description(entry.ip, entry.location)
    end
    if passes and not self.comm.mcast then
      error(server .. " at " .. entry.location, 0)
    end
    entry.devices, entry.webserver = devices or {}, devices and server or nil
  end
  return true, found
end

local labels = { { "Name", "friendlyName" }, { "Manufacturer", "manufacturer" },
  { "Model Descr", "modelDescription" }, { "Model Name", "modelName" },
  { "Model Version", "modelNumber" }, { "Serial", "serialNumber" }, { "UDN", "UDN" } }

local function device_lines(entry)
  local lines = {}
  if entry.webserver then
    lines[#lines + 1] = "Webserver: " .. entry.webserver
  end
  for _, device in ipairs(entry.devices) do
    for _, label in ipairs(labels) do
      if device[label[2]] then
        lines[#lines + 1] = label[1] .. ": " .. device[label[2]]
      end
    end
  end
  return lines
end

--- What was found, for people: lines for stdnse.format_output.
function M.lines_of(entry)
  local lines = {}
  if entry.server then
    lines[#lines + 1] = "Server: " .. entry.server
  end
  if entry.location then
    lines[#lines + 1] = "Location: " .. entry.location
    lines[#lines + 1] = device_lines(entry)
  end
  return lines
end

--- The same as a table: Server, Location, devices with names as the description has them.
function M.table_of(entry)
  local out = stdnse.output_table()
  out.Server, out.Location = entry.server, entry.location
  local devices = {}
  for i, device in ipairs(entry.devices) do
    devices[i] = stdnse.output_table()
    for _, name in ipairs({ "deviceType", "friendlyName", "manufacturer", "modelDescription",
      "modelName", "modelNumber", "serialNumber", "UDN" }) do
      devices[i][name] = device[name]
    end
    devices[i].services = #device.services > 0 and device.services or nil
  end
  out.devices = #devices > 0 and devices or nil
  return out
end

--- Searches: `true, lines for stdnse.format_output` or `false, reason`; by multicast one part for
-- each host.
function M.Helper:queryServices()
  local status, found = self:discover()
  if not status then
    return false, found
  elseif not self.comm.mcast then
    return true, M.lines_of(found[1])
  end
  local by_ip, out = {}, {}
  for _, entry in ipairs(found) do
    if not by_ip[entry.ip] then
      by_ip[entry.ip] = { name = entry.ip }
      out[#out + 1] = by_ip[entry.ip]
    end
    table.insert(by_ip[entry.ip], M.lines_of(entry))
  end
  table.sort(out, function(a, b)
    return a.name < b.name
  end)
  return true, out
end

return M
