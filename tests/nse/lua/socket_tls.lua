-- TLS (nse-contract 9.3 to 9.5, 11).
local function connected(name)
  local s = nmap.new_socket()
  s:set_timeout(5000)
  same(s:connect("127.0.0.1", ports[name], "ssl"), true)
  return s
end

-- receive gathers the records that are there
local s = connected "tls"
nmap.socket.sleep(0.2)
local a, b = s:receive()
same(a, b, true, "hello\nworld")
a, b = s:receive()
same(a, b, nil, "EOF")

-- an end without close_notify is an end like any other
s = connected "tls_bare"
a, b = s:receive()
same(a, b, true, "x")
a, b = s:receive()
same(a, b, nil, "EOF")

s = connected "tls_echo"
local bin = ("\0\1\255"):rep(100000)
same(s:send(bin), true)
a, b = s:receive_bytes(#bin)
same(b == bin, true)

-- the name asked for is the target's
s = nmap.new_socket()
same(s:connect({ip = "127.0.0.1", targetname = "name.test"}, ports.tls_echo, "ssl"), true)
s:send("sni?")
a, b = s:receive()
same(a, b, true, "name.test")
s = connected "tls_echo"
s:send("sni?")
a, b = s:receive()
same(a, b, true, "none")

-- the certificate of the peer
local c = s:get_ssl_certificate()
same(c.subject.commonName, c.issuer.commonName, "peer.test", "peer.test")
same(c.pubkey.type, c.pubkey.bits, c.pubkey.ecdhparams.curve_params.curve, "ec", 256, "prime256v1")
same(c.sig_algorithm, "ecdsa-with-SHA256")
same(#c:digest("sha1"), 20)

-- STARTTLS
s = nmap.new_socket()
same(s:connect({ip = "127.0.0.1", targetname = "start.test"}, ports.starttls), true)
raises("not a SSL socket", s.get_ssl_certificate, s)
s:send("start\n")
a, b = s:receive_lines(1)
same(a, b, true, "go\n")
same(s:reconnect_ssl(), true)
s:send("sni?")
a, b = s:receive()
same(a, b, true, "start.test")
same(s:get_ssl_certificate().subject.commonName, "peer.test")

-- who does not speak TLS
s = nmap.new_socket()
a, b = s:connect("127.0.0.1", ports.hello, "ssl")
same(a, b, nil, "ERROR")
a, b = s:connect("127.0.0.1", ports.closes, "ssl")
same(a, b, nil, "ERROR")
s:set_timeout(100)
a, b = s:connect("127.0.0.1", ports.silent, "ssl")
same(a, b, nil, "TIMEOUT")
same(s:close(), true)

-- a handshake that fails ends the connection
s = nmap.new_socket()
same(s:connect("127.0.0.1", ports.hello), true)
a, b = s:reconnect_ssl()
same(a, b, nil, "ERROR")
a, b = s:send("x")
same(a, b, false, "socket must be connected")
