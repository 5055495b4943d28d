-- TCP as scripts know it (nse-contract 9.4).  `ports` names servers of one behaviour each.
local function connected(name, timeout)
  local s = nmap.new_socket()
  same(s:connect("127.0.0.1", ports[name]), true)
  s:set_timeout(timeout or 20000) -- of a busy machine
  return s
end

-- connect
same(select(2, nmap.new_socket():connect("127.0.0.1", ports.none)), "ERROR")
same(nmap.new_socket():connect("127.0.0.1", ports.none), nil)
for _, port in ipairs {ports.echo + 0.0, tostring(ports.echo)} do
  same(nmap.new_socket():connect("127.0.0.1", port), true)
end
same(nmap.new_socket():connect({ip = "127.0.0.1"}, {number = ports.echo}), true)
same(nmap.new_socket():connect({ip = "127.0.0.1", targetname = "x.test"}, {number = ports.echo,
  protocol = "tcp"}), true)
for _, port in ipairs {-1, 70000} do
  local ok, why = nmap.new_socket():connect("127.0.0.1", port)
  same(ok, why, nil, "ERROR")
end

-- the peer closes at once
local s = connected "closes"
local a, b = s:receive()
same(a, b, nil, "EOF")
a, b = s:receive()
same(a, b, nil, "EOF")
same(s:send("x"), true)
same(s:close(), true)
a, b = s:close()
same(a, b, false, "socket already closed")

-- the peer resets
s = connected "resets"
a, b = s:receive()
same(a, b, nil, "ERROR")

-- a server that is asked about another connection knows it (auth-owners)
for _, first in ipairs {"silent", "ident"} do
  local s = {[first] = connected(first)}
  local second = first == "silent" and "ident" or "silent"
  s[second] = connected(second)
  local _, _, mine, _, theirs = s.silent:get_info()
  same(s.ident:send(("%d %d\n"):format(theirs, mine)), true)
  local ok, state = s.ident:receive()
  same(ok, state, true, "01")
end

-- nothing arrives; the connection stays usable
s = connected("silent", 300)
a, b = s:receive()
same(a, b, nil, "TIMEOUT")
same(s:send("x"), true)

-- receive_lines and receive_bytes give all there is
s = connected "hello"
a, b = s:receive_lines(1)
same(a, b, true, "hello\nworld")
s = connected "hello"
a, b = s:receive_lines(3)
same(a, b, true, "hello\nworld")
a, b = s:receive_lines(1)
same(a, b, nil, "EOF")
s = connected "hello"
a, b = s:receive_bytes(3)
same(a, b, true, "hello\nworld")
s = connected "hello"
a, b = s:receive_bytes(100)
same(a, b, true, "hello\nworld")

-- part of it and then no more in time
s = connected "holds"
s:set_timeout(200)
repeat
  a, b = s:receive_bytes(100)
until b ~= "TIMEOUT" -- before the first byte, on a busy machine
same(a, b, true, "hello\nworld")
a, b = s:receive_bytes(0)
same(a, b, nil, "TIMEOUT")
a, b = s:receive_lines(0)
same(a, b, nil, "TIMEOUT")

-- a lot
s = connected "big"
local len = 0
repeat
  a, b = s:receive()
  if a then len = len + #b end
until not a
same(len, b, 300000, "EOF")
s = connected "big"
a, b = s:receive_bytes(300000)
same(a, #b, true, 300000)

-- an endless line ends in an error, not in the memory
s = connected "endless"
s:set_timeout(20000)
a, b = s:receive_lines(1)
same(a, b, nil, "ERROR")
s:close()

-- send takes what can be a string
s = connected "echo"
same(s:send(42), true)
a, b = s:receive()
same(a, b, true, "42")
same(s:send(""), true)
local bin = ("\0\1\255"):rep(100000)
same(s:send(bin), true)
a, b = s:receive_bytes(#bin)
same(b == bin, true)

-- get_info tells both ends; of a closed socket nothing
local ok, lip, lport, rip, rport = s:get_info()
same(ok, lip, math.type(lport), rip, rport, true, "127.0.0.1", "integer", "127.0.0.1", ports.echo)
s:close()
for _, m in ipairs {"get_info", "receive", "reconnect_ssl"} do
  a, b = s[m](s)
  same(a, b, false, "socket must be connected")
end
a, b = s:send("x")
same(a, b, false, "socket must be connected")
a, b = s:receive_buf("x", true)
same(a, b, false, "socket must be connected")
a, b = s:sendto("127.0.0.1", ports.udp_echo, "x")
same(a, b, false, "socket must be connected")

-- a new connect closes the old connection
s = connected "echo"
local _, _, first = s:get_info()
same(s:connect("127.0.0.1", ports.hello), true)
local _, _, second = s:get_info()
assert(first ~= second)
a, b = s:receive_bytes(11)
same(b, "hello\nworld")

-- close brings the default timeout back; -1 means none
same(s:set_timeout(-1), s:set_timeout("20"), s:set_timeout(1.5), true, true, true)
s:close()

-- bind is for the next connect
s = nmap.new_socket()
a, b = s:bind("bogus.invalid", 0)
same(a, b, false, "getaddrinfo: Name or service not known")
same(s:bind("127.0.0.2", 0), true)
same(s:connect("127.0.0.1", ports.echo), true)
same(({s:get_info()})[2], "127.0.0.2")
s:close()
same(s:connect("127.0.0.1", ports.echo), true)
same(({s:get_info()})[2], "127.0.0.1")
