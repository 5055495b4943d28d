-- Raw packets: what is built has the bytes that nmap 7.93 builds of the same fields, and is read again.
local test, check = ...

local packet, stdnse = require "packet", require "stdnse"

local hex = stdnse.fromhex
local echo = hex("4500002000010000ff01a70a0a6300020a63000a08001f2e0007000864617461")
local frame = hex("0202020202020303030303030800") .. echo

test("a frame is the packet in it, with addresses below", function()
  local f = packet.Frame:new(frame)
  check.same({ f.mac_dst, f.mac_src, f.ether_type, f.ip_src, f.ip_dst, f.ip_ttl },
    { hex("020202020202"), hex("030303030303"), 0x800, "10.99.0.2", "10.99.0.10", 255 })
  check.same({ f.ip, f.icmp, f.icmp_type, f.icmp_offset, f.packet_len },
    { true, true, 8, 20, #echo })
  check.equal(f.buf, echo)
  check.equal(f.build_icmp_echo_request, packet.Packet.build_icmp_echo_request)
  check.equal(packet.Packet:new().build_ether_frame, nil)
  check.equal(packet.Frame:new(string.sub(frame, 1, 13)), nil)
  check.equal(packet.Frame:new(string.sub(frame, 1, 33)), nil)
  check.equal(packet.Frame:new(string.sub(frame, 1, 33), true).ether_type, 0x800)
end)

test("a frame is built from an empty one", function()
  local f = packet.Frame:new()
  f.mac_dst, f.mac_src = hex("020202020202"), hex("030303030303")
  f.ip_bin_src, f.ip_bin_dst, f.ip_id = hex("0a630002"), hex("0a63000a"), 1
  f:build_icmp_echo_request(7, 8, "data")
  check.equal(f.l3_packet, string.sub(echo, 21))
  f:build_icmp_header()
  f:build_ip_packet()
  f:build_ether_frame()
  check.equal(f.frame_buf, frame)
  check.fails(packet.Frame:new():build_ether_frame())
end)

test("an IPv6 echo request", function()
  local f = packet.Frame:new()
  f.mac_dst, f.mac_src = hex("020202020202"), hex("030303030303")
  f.ip_bin_src, f.ip_bin_dst = string.rep("\1", 16), string.rep("\2", 16)
  f:build_icmpv6_echo_request(7, 8, "data")
  f:build_icmpv6_header()
  f:build_ipv6_packet()
  f:build_ether_frame()
  check.equal(stdnse.tohex(f.buf), "60100001000c3aff" .. string.rep("01", 16)
    .. string.rep("02", 16) .. "80008ecf0007000864617461")
  local back = packet.Frame:new(f.frame_buf)
  check.same({ back.ether_type, back.ip6, back.icmpv6_type, back.ip6_hlimt },
    { 0x86dd, true, 128, 255 })
end)

test("addresses of a packet are written over, and its checksums counted again", function()
  local p = packet.Packet:new(echo, #echo)
  p:ip_set_bin_src("\1\2\3\4")
  p:ip_set_bin_dst("\5\6\7\8")
  check.equal(stdnse.tohex(string.sub(p.buf, 13, 20)), "0102030405060708")
  check.equal(#p.buf, #echo)
  p:ip_set_bin_src(hex("0a630002"))
  p:ip_set_bin_dst(hex("0a63000a"))
  p:ip_count_checksum()
  check.equal(p.buf, echo)
end)

test("what is set of a TCP segment is there, in the bytes and in the fields", function()
  local syn = hex("4500003000014000400600000a6300020a63000a04d20050000003e8000007d0700220000000"
    .. "0000020405b401010402")
  local p = packet.Packet:new(syn, #syn)
  check.same({ p.tcp_th_syn, p.tcp_th_push, p.tcp_opt_mss, p.tcp_opt_mtu, p:tcp_lookup_link() },
    { true, false, 1460, 1500, "ethernet/modem" })
  check.same(p.tcp_options, { { type = 2, len = 4, data = "\5\xb4" }, { type = 1, len = 1 },
    { type = 1, len = 1 }, { type = 4, len = 2 } })
  p:ip_set_id(77)
  p:ip_set_ttl(3)
  p:tcp_set_sport(9)
  p:tcp_set_seq(10)
  p:tcp_set_flags(18)
  p:tcp_set_urp(11)
  p:tcp_count_checksum()
  p:ip_count_checksum()
  local back = packet.Packet:new(p.buf, #p.buf)
  for _, name in ipairs({ "ip_id", "ip_ttl", "ip_sum", "tcp_sport", "tcp_seq", "tcp_flags",
    "tcp_urp", "tcp_sum" }) do
    check.equal(p[name], back[name])
  end
  check.same({ back.ip_id, back.ip_ttl, back.tcp_sport, back.tcp_seq, back.tcp_flags },
    { 77, 3, 9, 10, 18 })
end)
