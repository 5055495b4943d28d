--- DNS: questions and answers over UDP, and over TCP when an answer was cut.
--
--     local status, address = dns.query("www.example.com", { dtype = "A" })
--     local status, packet = dns.query("example.com",
--       { host = "192.0.2.53", dtype = "MX", retPkt = true })
--
-- For the shape of packets see dns/packet.lua.

local ipairs, ipOps, math, nmap = ipairs, require "ipOps", math, require "nmap"
local packet, rand, stdnse, string = require "dns.packet", require "rand", require "stdnse", string
local table, tonumber, tostring, type = table, tonumber, tostring, type

local M = {}

M.types, M.CLASS = packet.types, packet.CLASS
M.decode, M.encode, M.decStr = packet.decode, packet.encode, packet.decode_name

local servers_argument = stdnse.get_script_args("dns.servers")

--- Milliseconds that an answer may take, by the timing level (-T).
function M.get_default_timeout()
  local timeouts = { [0] = 10000, 7000, 5000, 4000, 4000, 4000 }
  return timeouts[nmap.timing_level()] or 4000
end

--- The servers to ask: those of the script argument `dns.servers`, else the system's. An array of
-- addresses.
function M.get_servers()
  if servers_argument then
    return type(servers_argument) == "table" and servers_argument or { servers_argument }
  end
  return nmap.get_dns_servers() or {}
end

-- Asking ------------------------------------------------------------------------------------------

local function is_answer_to(message, request)
  return message and message.id == request.id and message.flags.QR
end

-- The address that a datagram came from, or nil.
local function peer_of(socket)
  local status, _, _, address = socket:get_info()
  return status and address or nil
end

-- Answers that came until the time was over, or the first one when `first_only`.
local function read_answers(socket, request, timeout, first_only)
  local answers = {}
  local deadline = nmap.clock_ms() + timeout
  repeat
    socket:set_timeout(math.max(1, math.floor(deadline - nmap.clock_ms())))
    local status, data = socket:receive()
    if not status then
      break
    end
    local message = packet.decode(data)
    if is_answer_to(message, request) then
      answers[#answers + 1] = { message = message, peer = peer_of(socket) }
      if first_only then
        break
      end
    end
  until nmap.clock_ms() >= deadline or #answers >= 100
  return answers
end

local function ask_udp(host, port, request, options)
  local socket = nmap.new_socket("udp")
  local answers = {}
  for _ = 1, options.sendCount or 2 do
    local status = socket:sendto(host, port, packet.encode(request))
    if status then
      answers = read_answers(socket, request, options.timeout, not options.multiple)
    end
    if #answers > 0 then
      break
    end
  end
  socket:close()
  return answers
end

local function ask_tcp(host, port, request, options)
  local socket = nmap.new_socket("tcp")
  socket:set_timeout(options.timeout)
  if not socket:connect(host, port, options.proto == "ssl" and "ssl" or "tcp") then
    socket:close()
    return {}
  end
  socket:send(string.pack(">s2", packet.encode(request)))
  local length, message
  local status, data = socket:receive_bytes(2)
  while status do
    length = #data >= 2 and string.unpack(">I2", data)
    if length and #data >= length + 2 then
      message = packet.decode(string.sub(data, 3, length + 2))
      break
    end
    local more
    status, more = socket:receive()
    data = status and data .. more or data
  end
  local peer = peer_of(socket)
  socket:close()
  return is_answer_to(message, request) and { { message = message, peer = peer } } or {}
end

local function ask(host, port, request, options)
  if options.proto == "tcp" or options.proto == "ssl" then
    return ask_tcp(host, port, request, options)
  end
  local answers = ask_udp(host, port, request, options)
  if #answers == 1 and answers[1].message.flags.TC and not options.multiple then
    local whole = ask_tcp(host, port, request, options)
    return #whole > 0 and whole or answers
  end
  return answers
end

-- Building ----------------------------------------------------------------------------------------

--- An empty packet with a random id that asks for recursion.
function M.newPacket()
  return {
    id = (string.unpack(">I2", rand.random_string(2))), flags = { RD = true },
    questions = {}, answers = {}, auth = {}, additional = {}, zones = {}, updates = {},
  }
end

--- Adds a question. `dtype` and `class` are numbers.
function M.addQuestion(pkt, dname, dtype, class)
  table.insert(pkt.questions, { dname = dname, dtype = dtype, class = class or M.CLASS.IN })
end

--- Adds an OPT record (EDNS, RFC 6891) with the bytes `opt` of its options. `Z`: { DO = true } asks
-- for DNSSEC.
function M.addOPT(pkt, Z, opt)
  local flags = type(Z) == "table" and Z.DO and 0x8000 or 0
  table.insert(pkt.additional, { type = M.types.OPT, class = 4096, ttl = flags, rdata = opt or "" })
end

--- Adds the question who the server is (RFC 5001).
function M.addNSID(pkt, Z)
  M.addOPT(pkt, Z, string.pack(">I2I2", 3, 0))
end

local families = { inet = 1, inet6 = 2 } -- address family numbers of IANA, which RFC 7871 uses

--- Adds a client subnet (RFC 7871, section 6): { family = "inet", "inet6" or their numbers, address =
-- text, integer or bytes, mask = bits }.
function M.addClientSubnet(pkt, Z, subnet)
  local bytes = type(subnet.address) == "number" and string.pack(">I4", subnet.address)
    or ipOps.ip_to_str(subnet.address) or subnet.address
  bytes = string.sub(bytes, 1, (subnet.mask + 7) // 8)
  local family = families[subnet.family] or tonumber(subnet.family) or 1
  local data = string.pack(">I2BB", family, subnet.mask, subnet.scope_mask or 0) .. bytes
  M.addOPT(pkt, Z, string.pack(">I2s2", 8, data))
end

--- Makes the packet an update of the zone `dname` (RFC 2136).
function M.addZone(pkt, dname)
  -- opcode 5
  pkt.flags = { OC2 = true, OC4 = true }
  table.insert(pkt.zones, { dname = dname, dtype = M.types.SOA, class = M.CLASS.IN })
end

--- Adds a change to an update: `data` are the record's bytes; without data the records are removed.
function M.addUpdate(pkt, dname, dtype, ttl, data, class)
  table.insert(pkt.updates, {
    dname = dname, type = type(dtype) == "string" and M.types[dtype] or dtype,
    class = class or M.CLASS.IN, ttl = ttl, rdata = data or "",
  })
end

-- Finding what was asked for ----------------------------------------------------------------------

local function wanted_records(records, dtype)
  local found = {}
  for _, record in ipairs(records or {}) do
    if record.dtype == dtype then
      found[#found + 1] = record
    end
  end
  return found
end

-- The address of a name among the additional records.
local function address_in(message, name)
  for _, record in ipairs(message.add or {}) do
    if record.dname == name and (record.ip or record.ipv6) then
      return record.ip or record.ipv6
    end
  end
end

local texts = {}
texts[M.types.A] = function(record)
  return record.ip
end
texts[M.types.AAAA] = function(record)
  return record.ipv6
end
for _, name in ipairs({ "NS", "CNAME", "PTR" }) do
  texts[M.types[name]] = function(record)
    return record.domain
  end
end
texts[M.types.MX] = function(record, message)
  local mx = record.MX
  return mx and string.format("%d:%s:%s", mx.pref, mx.server, address_in(message, mx.server)
    or "<unknown>")
end
texts[M.types.SRV] = function(record)
  local srv = record.SRV
  return srv and string.format("%d:%d:%d:%s", srv.prio, srv.weight, srv.port, srv.target)
end
texts[M.types.TXT] = function(record)
  return record.TXT and table.concat(record.TXT.text, "\n")
end
texts[M.types.NSEC] = function(record)
  return record.NSEC
end
texts[M.types.NSEC3] = function(record)
  return record.NSEC3
end
texts[M.types.SOA] = function(record)
  local soa = record.SOA
  return soa and string.format("%s:%s:%d:%d:%d:%d:%d", soa.mname, soa.rname, soa.serial,
    soa.refresh,
    soa.retry, soa.expire, soa.minimum)
end

-- What the records of a type say: an array, or nil.
local function results_in(records, message, dtype)
  local text = texts[dtype]
  local results = {}
  for _, record in ipairs(text and wanted_records(records, dtype) or {}) do
    results[#results + 1] = text(record, message)
  end
  return #results > 0 and results or nil
end

local function response_code(message)
  local flags = message.flags
  return (flags.RC1 and 8 or 0) + (flags.RC2 and 4 or 0) + (flags.RC3 and 2 or 0)
    + (flags.RC4 and 1 or 0)
end

-- Why an answer holds no records, by its response code (RFC 1035, section 4.1.1). Only the first
-- two say something of the name.
local empty_reasons = { [0] = "No Answers", [3] = "No Such Name", [1] = "Format error",
  [2] = "Server failure", [4] = "Not implemented", [5] = "Refused" }

local function is_about_the_name(reason)
  return reason == empty_reasons[0] or reason == empty_reasons[3]
end

--- What an answer says of the type `dtype` (a number): `true, text`, or with `retAll` `true,
-- array`; `false, reason` ("No Such Name", "No Answers", "Unable to handle response", or what the
-- server has trouble with: "Server failure", "Refused" ...).
function M.findNiceAnswer(dtype, dec, retAll)
  if #dec.answers == 0 then
    local code = response_code(dec)
    return false, empty_reasons[code] or "Response code " .. code
  elseif not texts[dtype] then
    return false, "Unable to handle response"
  end
  local results = results_in(dec.answers, dec, dtype)
  if not results then
    return false, "No Answers"
  end
  return true, retAll and results or results[1]
end

--- The same for the additional records.
function M.findNiceAdditional(dtype, dec, retAll)
  local results = results_in(dec.add, dec, dtype)
  if not results then
    return false, "No Answers"
  end
  return true, retAll and results or results[1]
end

-- The usual way in --------------------------------------------------------------------------------

local function result_of(answer, dtype, options)
  if options.retPkt then
    return true, answer.message
  end
  return M.findNiceAnswer(dtype, answer.message, options.retAll)
end

local function build_query(dname, dtype, options)
  local request = M.newPacket()
  M.addQuestion(request, dname, dtype, options.class)
  if options.norecurse then
    request.flags.RD = nil
  end
  for _, flag in ipairs(type(options.flags) == "table" and options.flags or {}) do
    request.flags[flag] = true
  end
  local Z = options.dnssec and { DO = true } or {}
  if options.nsid then
    M.addNSID(request, Z)
  elseif options.subnet then
    M.addClientSubnet(request, Z, options.subnet)
  elseif options.dnssec then
    M.addOPT(request, Z)
  end
  return request
end

--- Asks for a name: a text, or an array of labels.
--
-- Options: `dtype` (name or number, "A" when nil), `class`, `host` (the system's servers when nil),
-- `port` (53), `proto` ("udp"; "tcp"; "ssl": over TLS, RFC 7858), `timeout` (ms), `sendCount` (2),
-- `norecurse`, `dnssec`, `nsid`, `subnet`, `retAll` (all results as an array), `retPkt` (the whole
-- packet), `multiple` (collect answers until the time is over: an array of { output, peer }). `true,
-- result`, or `false, reason`: that of findNiceAnswer, or "No response". Of several servers' reasons
-- the last one that says something of the name.
function M.query(dname, options)
  options = options or {}
  local dtype = options.dtype or "A"
  dtype = tonumber(dtype) or M.types[dtype]
  if not dname or not dtype then
    return false, "no name or no such type"
  end
  local with = {
    timeout = options.timeout or M.get_default_timeout(), sendCount = options.sendCount,
    multiple = options.multiple, proto = options.proto,
  }
  -- silence is not the answer that there is none
  local reason = "No response"
  for _, server in ipairs(options.host and { options.host } or M.get_servers()) do
    local answers = ask(server, options.port or 53, build_query(dname, dtype, options), with)
    if options.multiple and #answers > 0 then
      local results = {}
      for _, answer in ipairs(answers) do
        local status, output = result_of(answer, dtype, options)
        if status then
          results[#results + 1] = { output = output, peer = answer.peer }
        end
      end
      return #results > 0, results
    elseif #answers > 0 then
      local status, result = result_of(answers[1], dtype, options)
      if status then
        return true, result
      end
      reason = is_about_the_name(reason) and not is_about_the_name(result) and reason or result
    end
  end
  return false, reason
end

-- Requests for questions, and the same by number, which no two have.
local function requests_for(questions, from, last, options)
  local list, by_id = {}, {}
  for i = from, last do
    local question = questions[i]
    local request
    repeat
      request = build_query(question[1], M.types[question[2]], options)
    until not by_id[request.id]
    list[#list + 1], by_id[request.id] = request, i
  end
  return list, by_id
end

-- What comes until the time is over, or until each of `open` questions has its answer.
local function collect(socket, by_id, answers, open, options)
  local deadline = nmap.clock_ms() + options.timeout
  repeat
    socket:set_timeout(math.max(1, math.floor(deadline - nmap.clock_ms())))
    local status, data = socket:receive()
    local message = status and packet.decode(data)
    local i = message and message.flags.QR and by_id[message.id]
    if i and #answers[i] < (options.multiple and 100 or 1) then
      table.insert(answers[i], { output = message, peer = peer_of(socket) })
      open = open - 1
    end
  until not status or nmap.clock_ms() >= deadline or open <= 0 and not options.multiple
end

local function ask_part(socket, questions, from, last, answers, options)
  local requests, by_id = requests_for(questions, from, last, options)
  for _ = 1, options.sendCount do
    local open = 0
    for i, request in ipairs(requests) do
      if #answers[from + i - 1] == 0 then
        socket:sendto(options.host, options.port, packet.encode(request))
        open = open + 1
      end
    end
    if open == 0 then
      break
    end
    collect(socket, by_id, answers, open, options)
  end
end

local together = 16

--- Asks a host several questions side by side over UDP: `questions` are { name, type such as "PTR" },
-- the answers an array for each, empty where none came, of { output = packet, peer }. What takes
-- time is thus no sum: `timeout` (ms) and `sendCount` are those of sixteen questions. `options`: host,
-- port, timeout, sendCount, `multiple` (several answers to each).
function M.query_all(questions, options)
  local answers = {}
  for i = 1, #questions do
    answers[i] = {}
  end
  local socket = nmap.new_socket("udp")
  for from = 1, #questions, together do
    ask_part(socket, questions, from, math.min(#questions, from + together - 1), answers, options)
  end
  socket:close()
  return answers
end

--- Does a host answer DNS? It is asked for the root's name servers, as each server that is one knows
-- them, or refuses to tell.
function M.answers(host, port)
  local _, reason = M.query(".", { host = host.ip, port = port.number, proto = port.protocol,
    dtype = "NS", norecurse = true, retPkt = true })
  return reason ~= "No response"
end

--- The name under which an address is looked up backwards: `4.3.2.1.in-addr.arpa`. nil when it is
-- no address.
function M.reverse(ip)
  local bytes = ipOps.ip_to_str(ip)
  if not bytes then
    return nil
  end
  local labels = {}
  for i = #bytes, 1, -1 do
    local byte = string.byte(bytes, i)
    labels[#labels + 1] = #bytes == 4 and tostring(byte)
      or string.format("%x.%x", byte & 15, byte >> 4)
  end
  return table.concat(labels, ".") .. (#bytes == 4 and ".in-addr.arpa" or ".ip6.arpa")
end

--- Changes a record of a zone (RFC 2136): options `host`, `port`, `zone`, `dtype`, `ttl`, `data`.
-- Without data, or with empty ones, all records of the type go (section 2.5.2). `true, packet` or
-- `false, reason`.
function M.update(dname, options)
  local request = M.newPacket()
  M.addZone(request, options.zone or string.match(dname, "%.(.*)$") or dname)
  local data = options.data
  if data and options.dtype == "A" then
    data = ipOps.ip_to_str(data)
  elseif data and options.dtype == "CNAME" then
    data = packet.encode_name(data)
  end
  local removal = not data or data == ""
  local class = removal and M.CLASS.ANY or M.CLASS.IN
  M.addUpdate(request, dname, options.dtype or M.types.ANY, removal and 0 or options.ttl or 86400,
    data, class)
  local answers = ask(options.host, options.port or 53, request, { timeout = options.timeout
    or 5000 })
  if #answers == 0 then
    return false, "No Answers"
  end
  local flags = answers[1].message.flags
  if flags.RC1 or flags.RC2 or flags.RC3 or flags.RC4 then
    return false, "the server refused the update"
  end
  return true, answers[1].message
end

return M
