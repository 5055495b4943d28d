--- DNS service discovery (RFC 6763) over multicast DNS (RFC 6762): which services a host, or all
-- hosts of a link, offer.
--
-- One asks from another port than 5353, as a simple resolver (RFC 6762, section 5.1 and 6.7): the
-- answers come to us alone.

local dns, error, ipOps, ipairs = require "dns", error, require "ipOps", ipairs
local nmap, pairs, pcall, setmetatable = require "nmap", pairs, pcall, setmetatable
local stdnse = require "stdnse"
local string, table, tonumber = string, table, tonumber

local M = {}

local group = "224.0.0.251"
local enumeration = "_services._dns-sd._udp.local"
local types_max, instances_max, texts_max, text_max = 64, 64, 32, 200
-- Milliseconds for questions to a host that has answered one, and how many it is asked for what it left
-- out: silence to all takes 24 s.
local again, questions_max = 1000, 128

-- A name without control characters, dots of labels as they are.
local function clean(text)
  return (string.gsub(string.sub(text, 1, text_max), "%c", "."))
end

-- Asks { name, type } each, side by side: an array of packets with the address that each came from, {
-- output = packet, peer }, for each question.
local function ask(self, questions)
  local options = { port = self.mcast and 5353 or self.port.number, multiple = self.mcast,
    host = self.mcast and group or self.host.ip or self.host, sendCount = self.mcast and 1 or 2,
    -- one that has answered is quick
    timeout = self.heard and again or self.timeout or 2000 }
  local answers, missing = dns.query_all(questions, options), { at = {} }
  for i, list in ipairs(answers) do
    self.heard = self.heard or #list > 0
    if #list == 0 then
      missing[#missing + 1], missing.at[#missing + 1] = questions[i], i
    end
  end
  -- a host that answers is not silent about the rest: the question or the answer got lost
  if self.heard and not self.mcast and #missing > 0 then
    options.timeout, options.sendCount = again, 1
    for i, list in ipairs(dns.query_all(missing, options)) do
      answers[missing.at[i]] = list
    end
  end
  return answers
end

local function records_of(packet)
  local list = {}
  for _, section in ipairs({ packet.answers, packet.add }) do
    for _, record in ipairs(section or {}) do
      list[#list + 1] = record
    end
  end
  return list
end

-- Remembers what records say of instances and hosts.
local function note(found, records)
  for _, record in ipairs(records) do
    local name = string.lower(record.dname or "")
    if record.SRV and not found.srv[name] then
      found.srv[name] = record.SRV
    elseif record.TXT and record.TXT.text and not found.txt[name] then
      found.txt[name] = record.TXT.text
    elseif record.ip or record.ipv6 then
      local list = found.addresses[name] or {}
      found.addresses[name] = list
      list[record.ip or record.ipv6] = true
    end
  end
end

local function unique(list, seen, value, limit)
  local key = string.lower(value)
  if not seen[key] and #list < limit then
    seen[key] = true
    list[#list + 1] = value
  end
end

-- The names that records of type PTR below a name point to.
local function pointers(records, name, list, seen, limit)
  for _, record in ipairs(records) do
    if record.domain and record.dtype == dns.types.PTR
      and string.lower(record.dname or "") == name then
      unique(list, seen, record.domain, limit)
    end
  end
end

-- The instance's own label of "Lab NAS._http._tcp.local".
local function instance_label(instance, kind)
  local at = #instance - #kind
  return at > 1 and string.sub(instance, 1, at - 1) or instance
end

-- The labels of an instance's name: its own is any text, and may hold dots (RFC 6763, section
-- 4.1.1).
local function labels_of(instance, kind)
  local labels = { instance_label(instance, kind) }
  if string.lower(string.sub(instance, #labels[1] + 1)) ~= "." .. string.lower(kind) then
    return instance
  end
  for label in string.gmatch(kind, "[^.]+") do
    labels[#labels + 1] = label
  end
  return labels
end

local function sorted_addresses(set)
  local list = {}
  for address in pairs(set or {}) do
    list[#list + 1] = address
  end
  table.sort(list, function(a, b)
    local four, other = ipOps.ip_to_str(a, "inet") ~= nil, ipOps.ip_to_str(b, "inet") ~= nil
    if four ~= other then
      return four
    end
    return a < b
  end)
  return list
end

local function texts_of(list)
  local out = {}
  for _, text in ipairs(list or {}) do
    if text ~= "" and #out < texts_max then
      out[#out + 1] = clean(text)
    end
  end
  return out
end

-- What is known of one instance.
local function entry_of(found, kind, instance)
  local key = string.lower(instance)
  local srv = found.srv[key]
  return {
    instance = clean(instance_label(instance, kind)), kind = kind,
    service = string.match(kind, "^_([^.]+)"), proto = string.match(kind, "%._([^.]+)"),
    port = srv and srv.port, target = srv and clean(srv.target or ""),
    txt = texts_of(found.txt[key]),
    addresses = sorted_addresses(srv and found.addresses[string.lower(srv.target or "")]),
    peer = found.peers[key],
  }
end

-- What is missing of instances, { kind, instance } each: the questions for it.
local function gaps_of(found, instances)
  local questions = {}
  for _, item in ipairs(instances) do
    local key = string.lower(item[2])
    for _, dtype in ipairs({ "SRV", "TXT" }) do
      if not found[string.lower(dtype)][key] then
        questions[#questions + 1] = { labels_of(item[2], item[1]), dtype }
      end
    end
  end
  return questions
end

local function missing_addresses(found, instances)
  local questions, seen = {}, {}
  for _, item in ipairs(instances) do
    local srv = found.srv[string.lower(item[2])]
    local target = srv and srv.target and string.lower(srv.target)
    if target and not found.addresses[target] and not seen[target] then
      seen[target], questions[#questions + 1] = true, { srv.target, "A" }
    end
  end
  return questions
end

-- Asks for what the answers to the search left out. Of a host that leaves out very much, and whose
-- silence takes its time, nothing is told rather than a part.
local function complete(self, found, instances)
  for _, gaps in ipairs({ gaps_of, missing_addresses }) do
    local questions = gaps(found, instances)
    if #questions > questions_max then
      error("the host leaves out " .. #questions .. " records", 0)
    end
    for _, packets in ipairs(ask(self, questions)) do
      for _, packet in ipairs(packets) do
        note(found, records_of(packet.output))
      end
    end
  end
end

-- The instances of all types, { kind, instance } each; their records land in `found`.
local function instances_of(self, found, kinds)
  local questions, instances = {}, {}
  for i, kind in ipairs(kinds) do
    questions[i] = { kind, "PTR" }
  end
  for i, packets in ipairs(ask(self, questions)) do
    local list, seen = {}, {}
    for _, packet in ipairs(packets) do
      local records, before = records_of(packet.output), #list
      note(found, records)
      pointers(records, string.lower(kinds[i]), list, seen, instances_max)
      for n = before + 1, #list do
        found.peers[string.lower(list[n])] = packet.peer
        instances[#instances + 1] = { kinds[i], list[n] }
      end
    end
  end
  return instances
end

local function sort_entries(entries)
  table.sort(entries, function(a, b)
    if (a.port or 0) ~= (b.port or 0) then
      return (a.port or 0) < (b.port or 0)
    elseif a.service ~= b.service then
      return a.service < b.service
    end
    return a.instance < b.instance
  end)
end

--- What scripts use. `timeout` of the first question: ms (2000).
M.Helper = {}
M.Helper.__index = M.Helper

function M.Helper:new(host, port)
  return setmetatable({ host = host, port = port, mcast = false }, self)
end

function M.Helper:setMulticast(mcast)
  self.mcast = mcast
end

--- The types of services on offer: `true, array` such as "_http._tcp.local", or `false, reason`.
function M.Helper:types()
  local packets = ask(self, { { enumeration, "PTR" } })[1]
  if #packets == 0 then
    return false, "No response"
  end
  local list, seen = {}, {}
  for _, packet in ipairs(packets) do
    pointers(records_of(packet.output), enumeration, list, seen, types_max)
  end
  table.sort(list)
  return #list > 0, #list > 0 and list or "no services"
end

local function discover(self, service)
  local status, kinds = true, { service }
  if not service then
    status, kinds = self:types()
    if not status then
      return false, kinds
    end
  end
  local found = { srv = {}, txt = {}, addresses = {}, peers = {} }
  local entries, known = {}, {}
  for _, kind in ipairs(kinds) do
    known[#known + 1] = string.find(kind, "^_[^.]+%._[^.]+") and kind or nil
  end
  local instances = instances_of(self, found, known)
  if not self.mcast then
    complete(self, found, instances)
  end
  for i, item in ipairs(instances) do
    entries[i] = entry_of(found, item[1], item[2])
  end
  sort_entries(entries)
  return true, entries
end

-- What a host offers is found out once in a visit, though several scripts want to know.
local function discover_once(self)
  local registry = self.host.registry
  local mutex = nmap.mutex("services of " .. self.host.ip .. ":" .. self.port.number)
  mutex "lock"
  registry.dnssd = registry.dnssd or {}
  local kept = registry.dnssd[self.port.number] or { pcall(discover, self) }
  registry.dnssd[self.port.number] = kept
  mutex "done"
  if not kept[1] then
    error(kept[2], 0)
  end
  return kept[2], kept[3]
end

--- All that is on offer: `true, array of { instance, kind, service, proto, port, target, txt =
-- array, addresses = array, peer }` or `false, reason`. `service`: one type alone.
function M.Helper:discover(service)
  if service or self.mcast or not self.host.registry then
    return discover(self, service)
  end
  return discover_once(self)
end

--- An entry as lines: texts, then addresses.
function M.lines_of(entry)
  local lines = { name = string.format("%s/%s %s", entry.port or "?", entry.proto or "?",
    entry.service) }
  for _, text in ipairs(entry.txt) do
    lines[#lines + 1] = text
  end
  if #entry.addresses > 0 then
    lines[#lines + 1] = "Address=" .. table.concat(entry.addresses, " ")
  end
  return lines
end

--- An entry as a table: name, and the texts that are "key=value" under their keys in small letters.
function M.table_of(entry)
  local out = stdnse.output_table()
  out.service, out.port, out.proto = entry.service, tonumber(entry.port), entry.proto
  out.name = entry.instance
  local attributes = stdnse.output_table()
  for _, text in ipairs(entry.txt) do
    local key, value = string.match(text, "^([^=]+)=?(.*)$")
    if key and attributes[string.lower(key)] == nil then
      attributes[string.lower(key)] = value
    end
  end
  out.txt = #attributes > 0 and attributes or nil
  out.target = entry.target
  out.addresses = #entry.addresses > 0 and entry.addresses or nil
  return out
end

--- All that is on offer, for stdnse.format_output: `true, list` or `false, reason`; by multicast
-- one part for the group.
function M.Helper:queryServices(service)
  local ok, status, entries = pcall(self.discover, self, service)
  if not ok or not status then
    return false, ok and entries or status
  end
  local out = { name = self.mcast and group or nil }
  for _, entry in ipairs(entries) do
    out[#out + 1] = M.lines_of(entry)
  end
  return true, self.mcast and { out } or out
end

return M
