-- DTLS: "ssl" on a UDP socket (nse-contract 9.3, 9.5).
local function connected(name)
  local s = nmap.new_socket("udp")
  s:set_timeout(5000)
  same(s:connect("127.0.0.1", ports[name], "ssl"), true)
  return s
end

-- a record is a datagram: one at a time, then the end
local s = connected "dtls"
nmap.socket.sleep(0.2)
local a, b = s:receive()
same(a, b, true, "hello\n")
a, b = s:receive()
same(a, b, true, "world")
a, b = s:receive()
same(a, b, nil, "EOF")
same(s:close(), true)
a, b = s:close()
same(a, b, false, "socket already closed")

-- and each send is one
s = connected "dtls_echo"
local big = ("z"):rep(16384)
for _, data in ipairs {"one", "\0\1\255", big, "last"} do
  same(s:send(data), true)
end
for _, data in ipairs {"one", "\0\1\255", big, "last"} do
  a, b = s:receive()
  same(a, b == data, true, true)
end
same(s:send(""), true)
a, b = s:send(big .. "z")
same(a, b, nil, "ERROR")
same(s:send("still there"), true)
a, b = s:receive()
same(a, b, true, "still there")

-- the ways to receive
for _, data in ipairs {"one", "two", "three"} do
  s:send(data)
end
a, b = s:receive_bytes(8)
same(a, b, true, "onetwothree")
s:send("a")
s:send("b\nc\n")
a, b = s:receive_lines(2)
same(a, b, true, "ab\nc\n")
s:send("left;")
s:send("right")
a, b = s:receive_buf(";", false)
same(a, b, true, "left")
s:send("!")
a, b = s:receive_buf("!", true)
same(a, b, true, "right!")
s:set_timeout(50)
a, b = s:receive()
same(a, b, nil, "TIMEOUT")
s:set_timeout(5000)

-- both ends are known; no name is asked for
local ok, lip, lport, rip, rport = s:get_info()
same(ok, lip, rip, rport, true, "127.0.0.1", "127.0.0.1", ports.dtls_echo)
assert(lport > 0)
same(s:sendto("127.0.0.1", ports.udp_echo, "sni?"), true) -- to nobody but the peer
a, b = s:receive()
same(a, b, true, "none")
local c = s:get_ssl_certificate()
same(c.subject.commonName, c.pubkey.bits, "peer.test", 256)
a, b = s:reconnect_ssl()
same(a, b, nil, "ERROR")

-- by a name, from a bound port, and again
s = nmap.new_socket("udp")
raises("not a SSL socket", s.get_ssl_certificate, s)
s:bind("127.0.0.1", ports.none_udp)
same(s:connect({ip = "127.0.0.1", targetname = "name.test"}, {number = ports.dtls_echo}, "ssl"), true)
same(({s:get_info()})[3], ports.none_udp)
s:send("sni?")
a, b = s:receive()
same(a, b, true, "none")
same(s:connect("127.0.0.1", ports.udp_echo, "udp"), true)
same(s:send("plain"), true)
a, b = s:receive()
same(a, b, true, "plain")

-- "ssl" on a socket that is not one of UDP stays TLS, whatever the port
s = nmap.new_socket()
a, b = s:connect("127.0.0.1", {number = ports.dtls_echo, protocol = "udp"}, "ssl")
same(a, b, nil, "ERROR")

-- who refuses: by ICMP, by an alert, by what is no answer at all
s = nmap.new_socket("udp")
a, b = s:connect("127.0.0.1", ports.none_udp, "ssl")
same(a, b, nil, "ERROR")
a, b = s:connect("127.0.0.1", ports.dtls_bare, "ssl")
same(a, b, nil, "ERROR")
a, b = s:connect("127.0.0.1", ports.udp_echo, "ssl") -- a hello of a client
same(a, b, nil, "ERROR")

-- who says nothing, and who says nothing that means anything
local quiet = nmap.new_socket("udp")
quiet:bind("127.0.0.1", 0)
quiet:set_timeout(1)
quiet:receive()
local port = select(3, quiet:get_info())
s:set_timeout(100)
a, b = s:connect("127.0.0.1", port, "ssl")
same(a, b, nil, "TIMEOUT")
local garbled
spawn(function()
  quiet:set_timeout(5000)
  while not garbled and quiet:receive() do
    local _, _, _, ip, from = quiet:get_info()
    for i = 0, 40 do
      quiet:sendto(ip, from, ("\22\254\253"):rep(i))
    end
  end
end)
a, b = s:connect("127.0.0.1", port, "ssl")
same(a, b, nil, "TIMEOUT")
garbled = true

-- the socket is as before, and can go on without DTLS
same(s:close(), true)
same(s:connect("127.0.0.1", ports.udp_echo), true)
same(s:send("x"), true)
a, b = s:receive()
same(a, b, true, "x")
