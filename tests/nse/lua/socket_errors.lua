-- What is refused, and in which words (nse-contract 9).
raises("bad argument #1 to", nmap.new_socket, "bogus")
raises("(invalid option 'bogus')", nmap.new_socket, "tcp", "bogus")
raises("bad argument #3 to 'connect' (invalid option 'bogus')", function()
  nmap.new_socket():connect("127.0.0.1", 80, "bogus")
end)
raises("bad argument #3 to 'connect' (invalid option 'foo')", function()
  nmap.new_socket():connect("127.0.0.1", {number = 80, protocol = "foo"})
end)
raises("bad argument #2 to 'connect' (number expected, got no value)", function()
  nmap.new_socket():connect("127.0.0.1")
end)
raises("number has no integer representation", function() nmap.new_socket():connect("127.0.0.1",
  1.5) end)
raises("port table lacks integer 'number' field", function() nmap.new_socket():connect("127.0.0.1",
  {number = 80.0}) end)
raises("port table lacks integer 'number' field", function() nmap.new_socket():connect("127.0.0.1",
  {}) end)
raises("host table lacks 'ip' or 'targetname' fields", function() nmap.new_socket():connect({},
  80) end)

local s = nmap.new_socket()
same(s.foo, nil)
raises("attempt to index a", function() s.foo = 1 end)
same(type(getmetatable(s)), next(getmetatable(s)), "table", nil)
raises("(nsock expected, got number)", s.send, 5, "x")
raises("(nsock expected, got table)", s.close, {})
same(tostring(s):match("^userdata: "), "userdata: ")
raises("(string expected, got nil)", s.send, s, nil)
raises("Negative timeout", s.set_timeout, s, -2)
raises("(number expected, got string)", s.set_timeout, s, "x")
raises("(number expected, got no value)", s.bind, s, nil)
raises("not a pcap socket", s.pcap_receive, s)
raises("can't open pcap reader on eth0", s.pcap_open, s, "eth0", 100, false, "tcp")
raises("must not be negative", nmap.socket.sleep, -1)
raises("(number expected, got no value)", nmap.socket.sleep)
same(select("#", nmap.socket.sleep("0.001")), 0)
same(nmap.socket.get_stats().connect_waiting, 0)
same(nmap.socket.parse_ssl_certificate("junk"), nil)

local d = nmap.new_dnet()
raises("can't open ethernet interface eth0", d.ethernet_open, d, "eth0")
raises("dnet ethernet interface is not open", d.ethernet_send, d, "x")
raises("raw socket not open to send", d.ip_send, d, "x")
same(d:ethernet_close(), true)

-- a name that no resolver knows (the resolver of the test answers nothing; .invalid is never asked
-- for)
local a, b = nmap.new_socket():connect("no.such.name.invalid", 80)
same(a, math.type(1), false, "integer")
assert(b == "Name or service not known" or b == "Temporary failure in name resolution"
  or b == "Non-recoverable failure in name resolution", b)
same(nmap.new_socket():connect("localhost", ports.echo), true)
-- nor one that is longer than a name can be: a server may send one in a redirect
for _, host in ipairs {("x"):rep(1000), ("a."):rep(128), {targetname = ("a."):rep(200)}} do
  a, b = nmap.new_socket():connect(host, 80)
  same(a, b, false, "Name or service not known")
end
a, b = nmap.new_socket("udp"):sendto(("x"):rep(1000), 80, "x")
same(a, b, false, "Name or service not known")
same(nmap.new_socket():connect({ip = "127.0.0.1", targetname = ("a."):rep(200)}, ports.hello), true)

a, b = nmap.new_socket("udp"):sendto("no.such.name.invalid", 80, "x")
same(a, false)

-- where nobody can wait, that is an error, and the socket is closed
s = nmap.new_socket()
raises("attempt to yield across a C-call boundary", function()
  table.sort({1, 2, 3}, function() s:connect("127.0.0.1", ports.echo) end)
end)
a, b = s:send("x")
same(a, b, false, "socket must be connected")
