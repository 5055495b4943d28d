-- receive_buf (nse-contract 9.3, 9.4).
local function connected(name)
  local s = nmap.new_socket()
  same(s:connect("127.0.0.1", ports[name or "hello"]), true)
  s:set_timeout(20000) -- of a busy machine
  return s
end

local s = connected()
local a, b = s:receive_buf("\n", false)
same(a, b, true, "hello")
a, b = s:receive_buf("\n", true)
same(a, b, nil, "EOF")
a, b = s:receive_buf("r", false) -- "world" was kept
same(a, b, true, "wo")

s = connected()
a, b = s:receive_buf("\n", true)
same(a, b, true, "hello\n")
a, b = s:receive_buf("w", false)
same(a, b, true, "")
a, b = s:receive() -- which does not see what was kept
same(a, b, nil, "EOF")

-- a function finds the delimiter; it is asked first with what is there
s = connected()
local seen = {}
local function find_d(buffer)
  seen[#seen + 1] = buffer
  return buffer:find("d")
end
a, b = s:receive_buf(find_d, true)
same(a, b, #seen, seen[1], seen[2], true, "hello\nworld", 2, "", "hello\nworld")
a, b = s:receive_buf(find_d, true)
same(a, b, nil, "EOF")

-- what it returns is checked
for _, pair in ipairs {{3, 100}, {0, 1}, {3, 2}, {-1, 1}} do
  raises("invalid indices for match", connected().receive_buf, connected(),
    function() return pair[1], pair[2] end, true)
end
raises("invalid indices for match", s.receive_buf, connected(), "", true)
a, b = connected():receive_buf(function() return "a", "b" end, true)
same(a, b, nil, "EOF")
a, b = connected():receive_buf(function() return 3 end, true)
same(a, b, nil, "EOF")

-- arguments
raises("(boolean expected, got no value)", s.receive_buf, s, "\n")
raises("(function/string expected, got number)", s.receive_buf, s, 5, true)
raises("(function/string expected, got nil)", s.receive_buf, s, nil, true)
raises("attempt to yield across a C-call boundary", s.receive_buf, connected(),
  function() coroutine.yield() end, true)

-- what was kept survives a new connect, but not a close
s = connected()
same(s:receive_buf("\n", false), true)
same(s:connect("127.0.0.1", ports.hello), true)
a, b = s:receive_buf("\n", true)
same(a, b, true, "worldhello\n")
s:close()
same(s:connect("127.0.0.1", ports.hello), true)
a, b = s:receive_buf("\n", true)
same(a, b, true, "hello\n")

-- a delimiter that comes in pieces
s = connected "echo"
spawn(function()
  s:send("one\r")
end)
nmap.socket.sleep(0.05)
same(s:send("x\r\ntwo"), true)
a, b = s:receive_buf("\r\n", false)
same(a, b, true, "one\rx")

-- a delimiter that never comes ends in an error, not in the memory; what has come stays
s = connected "endless"
a, b = s:receive_buf("\n", false)
same(a, b, nil, "ERROR")
a, b = s:receive_buf("x", true)
same(a, b, true, "x")
s:close()

-- the delimiter function may close the socket
s = connected "holds"
a, b = s:receive_buf(function() s:close() end, true)
same(a, b, false, "socket must be connected")
