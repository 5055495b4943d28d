-- UDP (nse-contract 9.3, 9.4).
local s = nmap.new_socket("udp")
same(s:connect("127.0.0.1", ports.none), true)
same(s:send("x"), true)
local a, b = s:receive()
same(a, b, nil, "ERROR")
s:set_timeout(100)
a, b = s:receive()
same(a, b, nil, "TIMEOUT")

-- without connect
s = nmap.new_socket("udp")
local ok, lip, lport, rip, rport = s:get_info()
same(ok, lip, lport, rip, rport, true, "unknown protocol", 0, "unknown protocol", 0)
same(s:sendto("127.0.0.1", ports.udp_echo, "abc"), true)
a, b = s:receive()
same(a, b, true, "abc")
ok, lip, lport, rip, rport = s:get_info()
same(ok, lip, rip, rport, true, "0.0.0.0", "127.0.0.1", ports.udp_echo)
assert(lport > 0)
same(s:sendto({ip = "127.0.0.1"}, {number = ports.udp_echo}, 77), true)
a, b = s:receive()
same(a, b, true, "77")
same(s:close(), true)

-- one datagram at a time, whole
s = nmap.new_socket("udp")
same(s:connect("127.0.0.1", ports.udp_echo), true)
local big = ("z"):rep(40000)
for _, data in ipairs {"one", "two", big} do
  same(s:send(data), true)
end
for _, data in ipairs {"one", "two", big} do
  a, b = s:receive()
  same(a, b == data, true, true)
end

-- also where more bytes or lines were asked for than it has, and without waiting for them
local before = os.time()
for _, data in ipairs {"one", "two", "three", "4\n"} do
  same(s:send(data), true)
end
a, b = s:receive_bytes(8)
same(a, b, true, "one")
a, b = s:receive_bytes(8)
same(a, b, true, "two")
a, b = s:receive_lines(2)
same(a, b, true, "three")
a, b = s:receive_lines(2)
same(a, b, true, "4\n")
assert(os.time() - before < 20)

-- an empty one looks like an end, but more may follow
for _, data in ipairs {"", "a", "", "b;"} do
  same(s:send(data), true)
end
a, b = s:receive_bytes(1)
same(a, b, nil, "EOF")
a, b = s:receive_buf(";", true)
same(a, b, nil, "EOF")
a, b = s:receive_buf(";", true)
same(a, b, true, "ab;")

-- fresh ones
s = nmap.new_socket("udp")
s:set_timeout(50)
a, b = s:receive()
same(a, b, nil, "TIMEOUT")
a, b = nmap.new_socket("udp"):send("x")
same(a, b, nil, "ERROR")

-- by protocol of the port, or of connect
s = nmap.new_socket()
same(s:connect("127.0.0.1", {number = ports.udp_echo, protocol = "udp"}), true)
s:send("x")
a, b = s:receive()
same(a, b, true, "x")
s = nmap.new_socket()
same(s:connect("127.0.0.1", ports.udp_echo, "udp"), true)

-- a bound port
s = nmap.new_socket("udp")
same(s:bind(nil, ports.none_udp), true)
same(s:sendto("127.0.0.1", ports.udp_echo, "x"), true)
same(({s:get_info()})[3], ports.none_udp)
