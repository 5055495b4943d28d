--- IPP (RFC 8010, RFC 8011) over HTTP: what printers and print servers tell without a login.

local stringaux = require "stringaux"
local datetime, http, ipairs = require "datetime", require "http", ipairs
local math, setmetatable = math, setmetatable
local stdnse, string, tab = require "stdnse", string, require "tab"
local table, tonumber, tostring = table, tonumber, tostring

local M = {}

local attributes_max, response_max = 20000, 1048576

local IPP = {}
M.IPP = IPP

--- Delimiters of groups (RFC 8010, section 3.5.1), operations and states (RFC 8011, sections
-- 5.4.15, 5.4.11 and 5.3.7).
IPP.Attribute = {
  OPERATION_ATTRIBUTES = 1, JOB_ATTRIBUTES = 2, END_OF_ATTRIBUTES = 3, PRINTER_ATTRIBUTES = 4,
  UNSUPPORTED_ATTRIBUTES = 5,
}
IPP.OperationID = {
  IPP_CANCEL_JOB = 8, IPP_GET_JOBS = 0x0a, IPP_GET_PRINTER_ATTRIBUTES = 0x0b,
  CUPS_GET_DEFAULT = 0x4001, CUPS_GET_PRINTERS = 0x4002,
}
IPP.PrinterState = { IPP_PRINTER_IDLE = 3, IPP_PRINTER_PROCESSING = 4, IPP_PRINTER_STOPPED = 5 }
IPP.JobState = { IPP_JOB_PENDING = 3, IPP_JOB_HELD = 4, IPP_JOB_PROCESSING = 5, IPP_JOB_STOPPED = 6,
  IPP_JOB_CANCELED = 7, IPP_JOB_ABORTED = 8, IPP_JOB_COMPLETED = 9 }

local job_states = { [3] = "Pending", [4] = "Held", [5] = "Processing", [6] = "Stopped",
  [7] = "Canceled", [8] = "Aborted", [9] = "Completed" }

-- Tags of values (RFC 8010, section 3.5.2).
local tags = { integer = 0x21, boolean = 0x22, enum = 0x23, keyword = 0x44, uri = 0x45,
  charset = 0x47, language = 0x48, name = 0x42, mime = 0x49 }

--- An attribute: fields tag, name, value (the first), values (all).
IPP.AttributeValue = {}

local function value_of(tag, bytes)
  if (tag == tags.integer or tag == tags.enum) and #bytes == 4 then
    return (string.unpack(">i4", bytes))
  elseif tag == tags.boolean and #bytes == 1 then
    return bytes ~= "\0"
  elseif tag >= 0x10 and tag <= 0x1f then
    -- unknown, no-value and their like
    return nil
  end
  return bytes
end

--- A group of attributes: tag, list, and by_name.
local Group = {}
Group.__index = Group
IPP.AttributeGroup = Group

function Group:new(tag)
  return setmetatable({ tag = tag, list = {}, by_name = {} }, self)
end

function Group:add(tag, name, value)
  local attribute = { tag = tag, name = name, value = value, values = { value } }
  self.list[#self.list + 1] = attribute
  self.by_name[name] = self.by_name[name] or attribute
  return attribute
end

function Group:getAttributeValue(name)
  local attribute = self.by_name[name]
  return attribute and attribute.value
end

local function encode_group(group)
  local out = { string.char(group.tag) }
  for _, attribute in ipairs(group.list) do
    local name = attribute.name
    for _, value in ipairs(attribute.values) do
      local bytes = math.type(value) == "integer" and string.pack(">i4", value) or tostring(value)
      out[#out + 1] = string.pack(">Bs2s2", attribute.tag, name, bytes)
      name = ""
    end
  end
  return table.concat(out)
end

--- The bytes of a request: operation, request id, groups.
function IPP.build(operation, id, groups)
  local out = { string.pack(">BBI2I4", 1, 1, operation, id) }
  for i, group in ipairs(groups) do
    out[i + 1] = encode_group(group)
  end
  return table.concat(out) .. "\3"
end

-- One attribute at a position: tag, name, bytes, position after it; nil when it is cut.
local function read_attribute(data, at)
  local tag, name_length = string.unpack(">BI2", data .. "\0\0\0", at)
  local value_at = at + 3 + name_length
  if value_at + 1 > #data then
    return nil
  end
  local length = string.unpack(">I2", data, value_at)
  if value_at + 1 + length > #data then
    return nil
  end
  return tag, string.sub(data, at + 3, value_at - 1),
    string.sub(data, value_at + 2, value_at + 1 + length), value_at + 2 + length
end

--- A response from bytes: { version, status, id, groups }; nil when it is none. What is cut off is
-- left out.
function IPP.parse(data)
  if #data < 9 then
    return nil
  end
  local major, minor, status, id = string.unpack(">BBI2I4", data)
  local response = { version = major .. "." .. minor, status = status, id = id, groups = {} }
  local at, n, group, attribute = 9, 0, nil, nil
  while at <= #data and n < attributes_max do
    local tag = string.byte(data, at)
    n = n + 1
    if tag == IPP.Attribute.END_OF_ATTRIBUTES then
      break
    elseif tag < 0x10 then
      group, at = Group:new(tag), at + 1
      response.groups[#response.groups + 1] = group
    else
      local _, name, bytes, after = read_attribute(data, at)
      if not name or not group then
        break
      end
      local value = value_of(tag, bytes)
      if name ~= "" then
        attribute = group:add(tag, name, value)
      elseif attribute and value ~= nil then
        attribute.values[#attribute.values + 1] = value
      end
      at = after
    end
  end
  return response
end

--- The groups with a tag.
function IPP.groups(response, tag)
  local out = {}
  for _, group in ipairs(response.groups) do
    if group.tag == tag then
      out[#out + 1] = group
    end
  end
  return out
end

-- The group that every request begins with; `requested`: array of attribute names.
local function operation_group(uri, requested)
  local group = Group:new(IPP.Attribute.OPERATION_ATTRIBUTES)
  group:add(tags.charset, "attributes-charset", "utf-8")
  group:add(tags.language, "attributes-natural-language", "en")
  if uri then
    group:add(tags.uri, "printer-uri", uri)
  end
  if requested then
    group:add(tags.keyword, "requested-attributes").values = requested
  end
  return group
end

--- Sends a request to a path of a server: `true, response` or `false, reason`.
M.HTTP = {}

function M.HTTP.Request(host, port, path, bytes)
  local response = http.post(host, port, path, { header = { ["Content-Type"] = "application/ipp" },
    max_body_size = response_max, truncated_ok = true, redirect_ok = false }, nil, bytes)
  if response.status ~= 200 or not response.body then
    return false, stringaux.trim_end(response["status-line"] or "no HTTP response")
  end
  local parsed = IPP.parse(response.body)
  return parsed ~= nil, parsed or "no IPP response"
end

--- What a reason says of a server that is busy: service unavailable, temporary error, busy (RFC 8011,
-- appendix B.1.5), and the same of HTTP. For asker.check_busy.
M.busy = { "^IPP status 0x050[257]$", "^HTTP/[%d.]+ 503", "^HTTP/[%d.]+ 429" }

--- What scripts use.
M.Helper = {}
M.Helper.__index = M.Helper

function M.Helper:new(host, port, options)
  return setmetatable({ host = host, port = port, options = options or {}, id = 0 }, self)
end

--- Nothing to open: each request is one of HTTP.
function M.Helper.connect()
  return true
end

function M.Helper.close()
  return true
end

local function ask(self, path, operation, group)
  self.id = self.id + 1
  local status, response = M.HTTP.Request(self.host, self.port, path,
    IPP.build(operation, self.id, { group }))
  if status and response.status > 0xff then
    return false, string.format("IPP status 0x%04x", response.status)
  end
  return status, response
end

local function printer_of(group)
  local function get(name)
    return group:getAttributeValue(name)
  end
  return {
    name = get("printer-name"), info = get("printer-info"), location = get("printer-location"),
    model = get("printer-make-and-model"), state = get("printer-state"),
    queue_count = get("queued-job-count"), dns_sd_name = get("printer-dns-sd-name"),
    uuid = get("printer-uuid"), device_id = get("printer-device-id"),
    firmware = get("printer-firmware-string-version"), uri = get("printer-uri-supported"),
    is_shared = get("printer-is-shared"), uptime = get("printer-up-time"),
    serial = get("printer-serial-number"),
  }
end

--- The printers of a CUPS server: `true, array of { name, info, location, model, state,
-- queue_count, dns_sd_name, uuid, uri }` or `false, reason`.
function M.Helper:getPrinters()
  local status, response = ask(self, "/", IPP.OperationID.CUPS_GET_PRINTERS, operation_group(nil, {
    "printer-name", "printer-info", "printer-location", "printer-make-and-model", "printer-state",
    "queued-job-count", "printer-dns-sd-name", "printer-uuid", "printer-uri-supported",
    "printer-is-shared" }))
  if not status then
    return false, response
  end
  local printers = {}
  for i, group in ipairs(IPP.groups(response, IPP.Attribute.PRINTER_ATTRIBUTES)) do
    printers[i] = printer_of(group)
  end
  return true, printers
end

--- What the printer behind a path ("/ipp/print") tells of itself: `true, table` with the fields
-- above, device_id, firmware, serial; or `false, reason`.
function M.Helper:getPrinterAttributes(path)
  path = path or "/ipp/print"
  local name = stdnse.get_hostname(self.host)
  if string.find(name, ":", 1, true) then
    name = "[" .. name .. "]"
  end
  local uri = string.format("ipp://%s:%d%s", name, self.port.number, path)
  local status, response = ask(self, path, IPP.OperationID.IPP_GET_PRINTER_ATTRIBUTES,
    operation_group(uri, { "printer-name", "printer-info", "printer-location",
      "printer-make-and-model", "printer-state", "queued-job-count", "printer-dns-sd-name",
      "printer-uuid", "printer-device-id", "printer-firmware-string-version",
      "printer-serial-number", "ipp-versions-supported", "uri-authentication-supported" }))
  local group = status and IPP.groups(response, IPP.Attribute.PRINTER_ATTRIBUTES)[1]
  if not group then
    return false, status and "no printer attributes" or response
  end
  local printer = printer_of(group)
  printer.versions = group.by_name["ipp-versions-supported"]
    and group.by_name["ipp-versions-supported"].values
  printer.authentication = group.by_name["uri-authentication-supported"]
    and group.by_name["uri-authentication-supported"].values
  return true, printer
end

--- The jobs that wait in a printer's queue, or in all of a CUPS server: `true, array of { id, time,
-- state, size, owner, name, printer }` or `false, reason`.
function M.Helper:getJobs(uri)
  local status, response = ask(self, "/", IPP.OperationID.IPP_GET_JOBS,
    operation_group(uri or "ipp://localhost/", { "job-id", "time-at-creation", "job-state",
      "job-k-octets", "job-originating-user-name", "job-name", "job-printer-uri" }))
  if not status then
    return false, response
  end
  local jobs = {}
  for i, group in ipairs(IPP.groups(response, IPP.Attribute.JOB_ATTRIBUTES)) do
    local function get(name)
      return group:getAttributeValue(name)
    end
    jobs[i] = {
      id = get("job-id"), time = tonumber(get("time-at-creation")), state = get("job-state"),
      size = get("job-k-octets"), owner = get("job-originating-user-name"), name = get("job-name"),
      printer = string.match(tostring(get("job-printer-uri")), "([^/]+)$"),
    }
  end
  return true, jobs
end

--- The same for stdnse.format_output: a part with a table for each printer, or nil without jobs.
function M.Helper:getQueueInfo(uri)
  local status, jobs = self:getJobs(uri)
  if not status or #jobs == 0 then
    return nil, not status and jobs or nil
  end
  local by_printer, list = {}, {}
  for _, job in ipairs(jobs) do
    local name = job.printer or "?"
    if not by_printer[name] then
      by_printer[name] = { name = name, tab.new() }
      list[#list + 1] = by_printer[name]
      tab.addrow(by_printer[name][1], "id", "time", "state", "size (kb)", "owner", "jobname")
    end
    tab.addrow(by_printer[name][1], job.id or "", job.time and datetime.format_timestamp(job.time)
      or "", job_states[job.state] or "Unknown", (job.size or 0) .. "k", job.owner or "Unknown",
      job.name or "Unknown")
  end
  for _, printer in ipairs(list) do
    printer[1] = tab.dump(printer[1])
  end
  table.sort(list, function(a, b)
    return a.name < b.name
  end)
  return list
end

return M
