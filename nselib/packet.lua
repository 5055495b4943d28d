--- Raw packets: IPv4, IPv6, TCP, UDP, ICMP, ICMPv6, Ethernet; reading and building them (RFC 791,
-- 8200, 9293, 768, 792, 4443, 4861). Offsets count from zero; what a packet has too little of is
-- left nil.

local ipairs, ipOps, math = ipairs, require "ipOps", math
local pairs, setmetatable, stdnse, string = pairs, setmetatable, require "stdnse", string
local tostring = tostring

local M = {}

M.ETHER_TYPE_IPV4, M.ETHER_TYPE_IPV6 = "\x08\x00", "\x86\xdd"

-- Numbers of protocols and messages (IANA).
for name, number in pairs({
  IPPROTO_IP = 0, IPPROTO_HOPOPTS = 0, IPPROTO_ICMP = 1, IPPROTO_IGMP = 2, IPPROTO_IPIP = 4,
  IPPROTO_TCP = 6,
  IPPROTO_EGP = 8, IPPROTO_PUP = 12, IPPROTO_UDP = 17, IPPROTO_IDP = 22, IPPROTO_TP = 29,
  IPPROTO_DCCP = 33,
  IPPROTO_IPV6 = 41, IPPROTO_ROUTING = 43, IPPROTO_FRAGMENT = 44, IPPROTO_RSVP = 46,
  IPPROTO_GRE = 47,
  IPPROTO_ESP = 50, IPPROTO_AH = 51, IPPROTO_ICMPV6 = 58, IPPROTO_NONE = 59, IPPROTO_DSTOPTS = 60,
  IPPROTO_BEETPH = 94, IPPROTO_PIM = 103, IPPROTO_COMP = 108, IPPROTO_SCTP = 132,
  IPPROTO_UDPLITE = 136,
  ICMP_ECHO_REQUEST = 8, ICMP_ECHO_REPLY = 0, ICMP6_ECHO_REQUEST = 128, ICMP6_ECHO_REPLY = 129,
  MLD_LISTENER_QUERY = 130, MLD_LISTENER_REPORT = 131, MLD_LISTENER_REDUCTION = 132,
  MLDV2_LISTENER_REPORT = 143,
  ND_ROUTER_SOLICIT = 133, ND_ROUTER_ADVERT = 134, ND_NEIGHBOR_SOLICIT = 135,
  ND_NEIGHBOR_ADVERT = 136,
  ND_REDIRECT = 137, ND_OPT_SOURCE_LINKADDR = 1, ND_OPT_TARGET_LINKADDR = 2,
  ND_OPT_PREFIX_INFORMATION = 3,
  ND_OPT_REDIRECTED_HEADER = 4, ND_OPT_MTU = 5, ND_OPT_RTR_ADV_INTERVAL = 7,
  ND_OPT_HOME_AGENT_INFO = 8,
}) do
  M[name] = number
end

--- The Internet checksum of bytes (RFC 1071).
function M.in_cksum(b)
  local sum = 0
  if #b % 2 == 1 then
    b = b .. "\0"
  end
  for i = 1, #b, 2 do
    sum = sum + string.unpack(">I2", b, i)
  end
  while sum > 0xffff do
    sum = (sum & 0xffff) + (sum >> 16)
  end
  return ~sum & 0xffff
end

--- The bytes of a hardware address in text.
function M.mactobin(str)
  if not str then
    return nil, "no hardware address"
  end
  return stdnse.fromhex((string.gsub(str, "[:%-]", "")))
end

--- The link-local IPv6 address that belongs to a hardware address (RFC 4291, appendix A).
function M.mac_to_lladdr(mac)
  if #mac ~= 6 then
    return nil, "a hardware address has six bytes"
  end
  return "\xfe\x80\0\0\0\0\0\0" .. string.char(string.byte(mac) ~ 2) .. string.sub(mac, 2, 3)
    .. "\xff\xfe"
    .. string.sub(mac, 4, 6)
end

-- Packets -----------------------------------------------------------------------------------------

M.Packet = {}
M.Packet.__index = M.Packet
local Packet = M.Packet

-- Fills in what the bytes say: the object, or nil when they are too few.
local function read(o, bytes, length, lenient)
  if not bytes then
    return o
  end
  o.buf, o.packet_len = bytes, length
  local version = #bytes > 0 and string.byte(bytes) >> 4
  local ok
  if version == 6 then
    ok = o:ip6_parse(lenient)
  else
    ok = o:ip_parse(lenient)
  end
  if not ok then
    return lenient and o or nil
  end
  local protocol = o.ip_p
  if protocol == M.IPPROTO_TCP then
    ok = o:tcp_parse(lenient)
  elseif protocol == M.IPPROTO_UDP then
    ok = o:udp_parse(lenient)
  elseif protocol == M.IPPROTO_ICMP then
    ok = o:icmp_parse(lenient)
  elseif protocol == M.IPPROTO_ICMPV6 then
    ok = o:icmpv6_parse(lenient)
  end
  if not ok and not lenient then
    return nil
  end
  return o
end

--- A packet, read when bytes are given. nil when they are too few, unless `lenient`.
function Packet:new(bytes, length, lenient)
  return read(setmetatable({}, self), bytes, length, lenient)
end

--- Numbers and bytes at an offset; nil past the end.
function Packet:u8(index)
  return string.byte(self.buf, index + 1)
end
function Packet:u16(index)
  return index + 2 <= #self.buf and string.unpack(">I2", self.buf, index + 1) or nil
end
function Packet:u32(index)
  return index + 4 <= #self.buf and string.unpack(">I4", self.buf, index + 1) or nil
end
function Packet:raw(index, length)
  index = index or 0
  return string.sub(self.buf, index + 1, length and index + length or -1)
end

local function put(b, index, bytes)
  return string.sub(b, 1, index) .. bytes .. string.sub(b, index + #bytes + 1)
end

--- The bytes `b` with a number in place of those at an offset.
function M.set_u8(b, index, num)
  return put(b, index, string.char(num & 0xff))
end
function M.set_u16(b, index, num)
  return put(b, index, string.pack(">I2", num & 0xffff))
end
function M.set_u32(b, index, num)
  return put(b, index, string.pack(">I4", num & 0xffffffff))
end

function Packet:set_u8(index, num)
  self.buf = M.set_u8(self.buf, index, num)
  return self.buf
end
function Packet:set_u16(index, num)
  self.buf = M.set_u16(self.buf, index, num)
  return self.buf
end
function Packet:set_u32(index, num)
  self.buf = M.set_u32(self.buf, index, num)
  return self.buf
end

-- IPv4 --------------------------------------------------------------------------------------------

function Packet:ip_parse()
  if #self.buf < 20 then
    return false
  end
  self.ip_offset, self.ip_v = 0, self:u8(0) >> 4
  self.ip_hl = self:u8(0) & 15
  if self.ip_v ~= 4 or self.ip_hl < 5 then
    return false
  end
  self.ip = true
  self.ip_tos, self.ip_len, self.ip_id = self:u8(1), self:u16(2), self:u16(4)
  self.ip_off = self:u16(6)
  self.ip_rf, self.ip_df, self.ip_mf = self.ip_off & 0x8000 ~= 0, self.ip_off & 0x4000 ~= 0,
    self.ip_off & 0x2000 ~= 0
  self.ip_off = self.ip_off & 0x1fff
  self.ip_ttl, self.ip_p, self.ip_sum = self:u8(8), self:u8(9), self:u16(10)
  self.ip_bin_src, self.ip_bin_dst = self:raw(12, 4), self:raw(16, 4)
  self.ip_src, self.ip_dst = ipOps.str_to_ip(self.ip_bin_src), ipOps.str_to_ip(self.ip_bin_dst)
  self.ip_opt_offset, self.ip_data_offset = 20, self.ip_hl * 4
  self.ip_options = self:parse_options(20, self.ip_hl * 4 - 20)
  return true
end

--- Options of IP or TCP at an offset: an array of { type, len, data }.
function Packet:parse_options(offset, length)
  local options, at = {}, 0
  while at < length do
    local kind = self:u8(offset + at)
    if not kind then
      break
    end
    local n = 1
    if kind > 1 then
      n = self:u8(offset + at + 1) or 0
      if n < 2 or at + n > length then
        break
      end
    end
    options[#options + 1] = { type = kind, len = n, data = n > 2
      and self:raw(offset + at + 2, n - 2) or nil }
    at = at + n
    if kind == 0 then
      break
    end
  end
  return options
end

function Packet:ip_set_hl(len)
  self:set_u8(0, (self.ip_v or 4) << 4 | len & 15)
  self.ip_hl, self.ip_data_offset = len & 15, (len & 15) * 4
end
function Packet:ip_set_len(len)
  self:set_u16(2, len)
  self.ip_len = len
end
function Packet:ip_set_id(id)
  self:set_u16(4, id)
  self.ip_id = id
end
function Packet:ip_set_ttl(ttl)
  self:set_u8(8, ttl)
  self.ip_ttl = ttl
end
function Packet:ip_set_checksum(checksum)
  self:set_u16(10, checksum)
  self.ip_sum = checksum
end
function Packet:ip_count_checksum()
  self:ip_set_checksum(0)
  self:ip_set_checksum(M.in_cksum(string.sub(self.buf, 1, (self.ip_hl or 5) * 4)))
end
function Packet:ip_set_bin_src(binip)
  self.buf = put(self.buf, self.ip_v == 6 and 8 or 12, binip)
  self.ip_bin_src = binip
end
function Packet:ip_set_bin_dst(binip)
  self.buf = put(self.buf, self.ip_v == 6 and 24 or 16, binip)
  self.ip_bin_dst = binip
end
function Packet:ip_set_options(ipoptions)
  local padded = ipoptions .. string.rep("\0", -#ipoptions % 4)
  local old = self.ip_hl * 4
  self.buf = string.sub(self.buf, 1, 20) .. padded .. string.sub(self.buf, old + 1)
  self:ip_set_hl(5 + #padded // 4)
  self:ip_set_len(#self.buf)
  if self.tcp_offset then
    self.tcp_offset = self.ip_data_offset
  end
end

--- An IPv4 packet around a payload. Addresses are bytes; nil takes those that the object has.
function Packet:build_ip_packet(source, destination, payload, tos, id, flags, fragment, ttl,
  protocol)
  self.ether_type, self.ip_v, self.ip_hl = M.ETHER_TYPE_IPV4, 4, 5
  self.ip_bin_src, self.ip_bin_dst = source or self.ip_bin_src, destination or self.ip_bin_dst
  self.l3_packet = payload or self.l3_packet or ""
  self.ip_dsf, self.ip_p = tos or self.ip_dsf or 0, protocol or self.ip_p
  self.ip_id, self.ip_ttl = id or self.ip_id or 0xbeef, ttl or self.ip_ttl or 255
  self.flags, self.ip_off = flags or self.flags or 0, fragment or self.ip_off or 0
  self.buf = string.pack(">BBI2I2I2BBI2", 0x45, self.ip_dsf, 20 + #self.l3_packet, self.ip_id,
    self.flags << 13 | self.ip_off, self.ip_ttl, self.ip_p, 0)
    .. self.ip_bin_src .. self.ip_bin_dst .. self.l3_packet
  self:ip_count_checksum()
  return self.buf
end

-- IPv6 --------------------------------------------------------------------------------------------

function Packet:ip6_parse()
  if #self.buf < 40 then
    return false
  end
  self.ip6, self.ip6_offset, self.ip_v = true, 0, 6
  local word = self:u32(0)
  self.ip6_tc, self.ip6_fl = word >> 20 & 0xff, word & 0xfffff
  self.ip6_plen, self.ip6_nhdr, self.ip6_hlimt = self:u16(4), self:u8(6), self:u8(7)
  self.ip_bin_src, self.ip_bin_dst = self:raw(8, 16), self:raw(24, 16)
  self.ip_src, self.ip_dst = ipOps.str_to_ip(self.ip_bin_src), ipOps.str_to_ip(self.ip_bin_dst)
  self.ip6_data_offset = 40
  return self:ipv6_ext_header_parse()
end

local extension_headers = { [0] = true, [43] = true, [44] = true, [51] = true, [60] = true,
  [135] = true }

function Packet.ipv6_is_extension_header(_, nhdr)
  return extension_headers[nhdr] == true
end

function Packet:ipv6_ext_header_parse()
  self.ip6_data_offset = self.ip6_data_offset or 40
  local kind = self.ip6_nhdr
  for _ = 1, 16 do
    if not extension_headers[kind] then
      break
    end
    local following, length = self:u8(self.ip6_data_offset), self:u8(self.ip6_data_offset + 1)
    if not length then
      return false
    end
    local size = kind == 44 and 8 or kind == 51 and (length + 2) * 4 or (length + 1) * 8
    self.ip6_data_offset, kind = self.ip6_data_offset + size, following
  end
  self.ip_p, self.ip_data_offset = kind, self.ip6_data_offset
  return true
end
function Packet:ip6_set_plen(plen)
  self:set_u16(4, plen)
  self.ip6_plen = plen
end

--- An IPv6 packet around a payload.
function Packet:build_ipv6_packet(source, destination, next_header, payload, hops, class, label)
  self.ether_type, self.ip_v = M.ETHER_TYPE_IPV6, 6
  self.ip_bin_src, self.ip_bin_dst = source or self.ip_bin_src, destination or self.ip_bin_dst
  self.ip6_nhdr = next_header or self.ip6_nhdr
  self.ip6_hlimit = hops or self.ip6_hlimit or 255
  self.ip6_tc = class or self.traffic_class or self.ip6_tc or 0
  self.ip6_fl = label or self.flow_label or self.ip6_fl or 1
  self.l4_packet = payload or self.l4_packet or ""
  self.exheader = self.exheader or ""
  self.ip6_plen = #self.exheader + #self.l4_packet
  self.buf = string.pack(">I4I2BB", 6 << 28 | self.ip6_tc << 20 | self.ip6_fl, self.ip6_plen,
    self.ip6_nhdr, self.ip6_hlimit) .. self.ip_bin_src .. self.ip_bin_dst .. self.exheader
      .. self.l4_packet
  return self.buf
end

-- The pseudo header of a checksum (RFC 8200, section 8.1; RFC 9293, section 3.1).
local function pseudo_header(self, protocol, length)
  if self.ip_v == 6 or #(self.ip_bin_src or "") == 16 then
    return self.ip_bin_src .. self.ip_bin_dst .. string.pack(">I4I4", length, protocol)
  end
  return self.ip_bin_src .. self.ip_bin_dst .. string.pack(">BBI2", 0, protocol, length)
end

-- TCP ---------------------------------------------------------------------------------------------

function Packet:tcp_parse()
  local o = self.ip_data_offset
  if #self.buf < o + 20 then
    return false
  end
  self.tcp, self.tcp_offset = true, o
  self.tcp_sport, self.tcp_dport, self.tcp_seq, self.tcp_ack = self:u16(o), self:u16(o + 2),
    self:u32(o + 4), self:u32(o + 8)
  self.tcp_hl, self.tcp_x2, self.tcp_flags = self:u8(o + 12) >> 4, self:u8(o + 12) & 15,
    self:u8(o + 13)
  for bit, name in ipairs({ "fin", "syn", "rst", "push", "ack", "urg", "ece", "cwr" }) do
    self["tcp_th_" .. name] = self.tcp_flags & 1 << (bit - 1) ~= 0
  end
  self.tcp_win, self.tcp_sum, self.tcp_urp = self:u16(o + 14), self:u16(o + 16), self:u16(o + 18)
  self.tcp_opt_offset, self.tcp_data_offset = o + 20, o + self.tcp_hl * 4
  self.tcp_options = self:parse_options(o + 20, math.max(0, self.tcp_hl * 4 - 20))
  local total = self.ip_v == 6 and 40 + self.ip6_plen or self.ip_len
  self.tcp_data_length = math.max(0, math.min(total, #self.buf) - self.tcp_data_offset)
  self:tcp_parse_options()
  return true
end

--- Fills in what the TCP options say: tcp_opt_mss, tcp_opt_wscale, ...
function Packet:tcp_parse_options()
  for _, option in ipairs(self.tcp_options or {}) do
    local kind, data = option.type, option.data or ""
    if kind == 2 and #data == 2 then
      self.tcp_opt_mss = string.unpack(">I2", data)
      self.tcp_opt_mtu = self.tcp_opt_mss + 40
    elseif kind == 3 and #data == 1 then
      self.tcp_opt_ws = string.byte(data)
    elseif kind == 8 and #data == 8 then
      self.tcp_opt_t1, self.tcp_opt_t2 = string.unpack(">I4I4", data)
    end
  end
end
function Packet:tcp_lookup_link()
  local links = { [265] = "DSL", [536] = "Minimum IP MTU", [576] = "Dial-up", [1360] = "GPRS",
    [1432] = "IPSec",
    [1452] = "PPPoE", [1460] = "ethernet/modem", [8960] = "Jumbo frames", [65495] = "Loopback" }
  return links[self.tcp_opt_mss or -1]
end
function Packet:tcp_set_sport(port)
  self:set_u16(self.tcp_offset, port)
  self.tcp_sport = port
end
function Packet:tcp_set_dport(port)
  self:set_u16(self.tcp_offset + 2, port)
  self.tcp_dport = port
end
function Packet:tcp_set_seq(seq)
  self:set_u32(self.tcp_offset + 4, seq)
  self.tcp_seq = seq
end
function Packet:tcp_set_flags(flags)
  self:set_u8(self.tcp_offset + 13, flags)
  self.tcp_flags = flags
end
function Packet:tcp_set_urp(urgent)
  self:set_u16(self.tcp_offset + 18, urgent)
  self.tcp_urp = urgent
end
function Packet:tcp_set_checksum(checksum)
  self:set_u16(self.tcp_offset + 16, checksum)
  self.tcp_sum = checksum
end
function Packet:tcp_count_checksum()
  self:tcp_set_checksum(0)
  local segment = string.sub(self.buf, self.tcp_offset + 1)
  self:tcp_set_checksum(M.in_cksum(pseudo_header(self, M.IPPROTO_TCP, #segment) .. segment))
end

-- UDP ---------------------------------------------------------------------------------------------

function Packet:udp_parse()
  local o = self.ip_data_offset
  if #self.buf < o + 8 then
    return false
  end
  self.udp, self.udp_offset = true, o
  self.udp_sport, self.udp_dport, self.udp_len, self.udp_sum = self:u16(o), self:u16(o + 2),
    self:u16(o + 4), self:u16(o + 6)
  return true
end
function Packet:udp_set_sport(port)
  self:set_u16(self.udp_offset, port)
  self.udp_sport = port
end
function Packet:udp_set_dport(port)
  self:set_u16(self.udp_offset + 2, port)
  self.udp_dport = port
end
function Packet:udp_set_length(len)
  self:set_u16(self.udp_offset + 4, len)
  self.udp_len = len
end
function Packet:udp_set_checksum(checksum)
  self:set_u16(self.udp_offset + 6, checksum)
  self.udp_sum = checksum
end
function Packet:udp_count_checksum()
  self:udp_set_checksum(0)
  local datagram = string.sub(self.buf, self.udp_offset + 1)
  local sum = M.in_cksum(pseudo_header(self, M.IPPROTO_UDP, #datagram) .. datagram)
  self:udp_set_checksum(sum == 0 and 0xffff or sum)
end

-- ICMP --------------------------------------------------------------------------------------------

-- ICMP errors carry the head of the packet they are about (RFC 792): unreachable, source quench,
-- time exceeded, parameter problem.
local ICMP_QUOTES_PACKET = { [3] = true, [4] = true, [11] = true, [12] = true }

function Packet:icmp_parse(lenient)
  local o = self.ip_data_offset
  if #self.buf < o + 8 then
    return false
  end
  self.icmp, self.icmp_offset = true, o
  self.icmp_type, self.icmp_code, self.icmp_sum = self:u8(o), self:u8(o + 1), self:u16(o + 2)
  if ICMP_QUOTES_PACKET[self.icmp_type] then
    self.icmp_payload = true
    self.icmp_r0 = self:u32(o + 4)
    self.icmp_payload_offset = o + 8
    if #self.buf >= o + 28 then
      self.icmp_payload = Packet:new(self:raw(o + 8), nil, lenient)
    end
  end
  return true
end
function Packet:icmpv6_parse()
  local o = self.ip_data_offset
  if #self.buf < o + 4 then
    return false
  end
  self.icmpv6, self.icmpv6_offset = true, o
  self.icmpv6_type, self.icmpv6_code = self:u8(o), self:u8(o + 1)
  if self.icmpv6_type == M.ND_NEIGHBOR_ADVERT then
    self.na_router, self.na_solicit, self.na_override = (self:u8(o + 4) or 0) & 0x80 ~= 0,
      (self:u8(o + 4) or 0) & 0x40 ~= 0, (self:u8(o + 4) or 0) & 0x20 ~= 0
    self.na_dst = self:raw(o + 8, 16)
    if #self.buf >= o + 32 then
      self.na_link_dst = self:raw(o + 26, 6)
    end
  end
  return true
end

local function icmp_message(kind, code, payload)
  return string.pack(">BBI2", kind, code, 0) .. payload
end

local function with_checksum(message, pseudo)
  local sum = M.in_cksum((pseudo or "") .. message)
  return string.sub(message, 1, 2) .. string.pack(">I2", sum) .. string.sub(message, 5)
end

--- An ICMP message, and an echo request with its IP header.
function Packet:build_icmp_header(kind, code, payload, source, destination)
  self.icmp_type, self.icmp_code = kind or self.icmp_type, code or self.icmp_code or 0
  self.ip_bin_src, self.ip_bin_dst = source or self.ip_bin_src, destination or self.ip_bin_dst
  self.icmp_payload, self.ip_p = payload or self.icmp_payload or "", M.IPPROTO_ICMP
  self.l3_packet = with_checksum(icmp_message(self.icmp_type, self.icmp_code, self.icmp_payload))
  return self.l3_packet
end
function Packet:build_icmp_echo_request(id, seq, data, from_mac, to_mac, source, destination)
  self.mac_src, self.mac_dst = from_mac or self.mac_src, to_mac or self.mac_dst
  self.echo_id, self.echo_seq, self.echo_data = id or 0xdead, seq or 0xbeef, data or ""
  local payload = string.pack(">I2I2", self.echo_id, self.echo_seq) .. self.echo_data
  self:build_icmp_header(M.ICMP_ECHO_REQUEST, 0, payload, source, destination)
  return self:build_ip_packet()
end

--- The same for ICMPv6.
function Packet:build_icmpv6_header(kind, code, payload, source, destination)
  self.ip_bin_src, self.ip_bin_dst = source or self.ip_bin_src, destination or self.ip_bin_dst
  self.ip_v, self.ip6_nhdr = 6, M.IPPROTO_ICMPV6
  self.icmpv6_type, self.icmpv6_code = kind or self.icmpv6_type, code
    or self.icmpv6_code or 0
  self.icmpv6_payload = payload or self.icmpv6_payload or ""
  local message = icmp_message(self.icmpv6_type, self.icmpv6_code, self.icmpv6_payload)
  self.l4_packet = with_checksum(message, pseudo_header(self, M.IPPROTO_ICMPV6, #message))
  return self.l4_packet
end
function Packet:build_icmpv6_echo_request(id, sequence, data, from_mac, to_mac, source,
  destination, class, label, hops)
  self.mac_src, self.mac_dst = from_mac or self.mac_src, to_mac or self.mac_dst
  self.echo_id, self.echo_seq, self.echo_data = id or 0xdead, sequence or 0xbeef, data or ""
  self.traffic_class, self.flow_label = class or 1, label or 1
  local payload = string.pack(">I2I2", self.echo_id, self.echo_seq) .. self.echo_data
  self:build_icmpv6_header(M.ICMP6_ECHO_REQUEST, 0, payload, source, destination)
  return self:build_ipv6_packet(nil, nil, nil, nil, hops, class, label)
end

--- An option of neighbour discovery (RFC 4861, section 4.6), filled up to eight bytes.
function Packet.set_icmpv6_option(_, opt_type, msg)
  local length = (#msg + 2 + 7) // 8
  return string.char(opt_type, length) .. msg .. string.rep("\0", length * 8 - #msg - 2)
end
function Packet:set_icmp6_cksum(sum)
  self:set_u16((self.icmpv6_offset or 40) + 2, sum)
end
function Packet:count_ipv6_pseudoheader_cksum()
  local message = string.sub(self.buf, (self.ip6_data_offset or 40) + 1)
  return M.in_cksum(pseudo_header(self, M.IPPROTO_ICMPV6, #message) .. message)
end

-- Frames ------------------------------------------------------------------------------------------

M.Frame = setmetatable({}, { __index = Packet })
M.Frame.__index = M.Frame
local Frame = M.Frame

--- An Ethernet frame, and the packet in it: a packet with addresses below its own.
function Frame:new(frame, lenient)
  local o = setmetatable({}, self)
  if not frame then
    return o
  end
  o.frame_buf = frame
  if not o:ether_parse() then
    return lenient and o or nil
  end
  return read(o, string.sub(frame, 15), #frame - 14, lenient)
end

--- Its header: true, or false when the bytes are too few.
function Frame:ether_parse()
  if #self.frame_buf < 14 then
    return false
  end
  self.mac_dst, self.mac_src = string.sub(self.frame_buf, 1, 6), string.sub(self.frame_buf, 7, 12)
  self.ether_type = string.unpack(">I2", self.frame_buf, 13)
  return true
end

--- The frame around a packet. The type is of two bytes, as in M.ETHER_TYPE_IPV4.
function Frame:build_ether_frame(destination, source, kind, payload)
  self.mac_dst, self.mac_src = destination or self.mac_dst, source or self.mac_src
  self.ether_type, self.buf = kind or self.ether_type, payload or self.buf
  if not (self.mac_dst and self.mac_src and self.ether_type and self.buf) then
    return nil, "addresses, type or packet are missing"
  end
  self.frame_buf = self.mac_dst .. self.mac_src .. self.ether_type .. self.buf
  return self.frame_buf
end

-- Text --------------------------------------------------------------------------------------------

function Packet:ip_tostring()
  return string.format("IP %s -> %s", tostring(self.ip_src), tostring(self.ip_dst))
end
function Packet:tcp_tostring()
  return string.format("TCP %s:%d -> %s:%d", self.ip_src, self.tcp_sport, self.ip_dst,
    self.tcp_dport)
end
function Packet:udp_tostring()
  return string.format("UDP %s:%d -> %s:%d", self.ip_src, self.udp_sport, self.ip_dst,
    self.udp_dport)
end
function Packet:icmp_tostring()
  return string.format("ICMP %s -> %s type %d code %d", self.ip_src, self.ip_dst, self.icmp_type,
    self.icmp_code)
end

--- A line that says what the packet is.
function Packet:tostring()
  return self.tcp and self:tcp_tostring() or self.udp and self:udp_tostring()
    or self.icmp and self:icmp_tostring() or self:ip_tostring()
end

return M
