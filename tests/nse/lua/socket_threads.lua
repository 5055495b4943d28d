-- Several threads and one socket, and sockets of threads that end.
local s = nmap.new_socket()
same(s:connect("127.0.0.1", ports.silent), true)
local results = {}
spawn(function()
  s:set_timeout(3000)
  results.first = table.pack(s:receive())
end)
nmap.socket.sleep(0.02)
raises("Invalid reuse of a socket from one thread to another.", s.receive, s)
raises("Invalid reuse of a socket from one thread to another.", s.send, s, "x")
same((s:get_info()), true)
same(s:close(), true)
nmap.socket.sleep(0.02)
same(results.first[1], results.first[2], nil, "CANCELLED")

-- after connect any coroutine may use it
s = nmap.new_socket()
same(s:connect("127.0.0.1", ports.echo), true)
spawn(function()
  s:send("from a worker")
end)
nmap.socket.sleep(0.02)
local a, b = s:receive()
same(a, b, true, "from a worker")
local co = coroutine.wrap(function()
  s:send("from a coroutine")
  coroutine.yield("in between")
  return select(2, s:receive())
end)
same(co(), co(), "in between", "from a coroutine")

-- what has come for one thread stays its own when another asks before it ran: three workers keep the
-- processor until the answer has come, and a fourth then runs before the thread that waits for it
local function keep_busy()
  local till = os.clock() + 0.01
  repeat until os.clock() >= till
end
for _ = 1, 10 do
  s = nmap.new_socket()
  same(s:connect("127.0.0.1", ports.starttls), true)
  same(s:send("x"), true)
  for _ = 1, 3 do spawn(keep_busy) end
  spawn(function() pcall(s.receive, s) end)
  a, b = s:receive()
  same(a, b, true, "go\n")
  s:close()
end

-- what a thread opened closes with it
local left
spawn(function()
  left = nmap.new_socket()
  left:connect("127.0.0.1", ports.echo)
end)
nmap.socket.sleep(0.1)
a, b = left:send("x")
same(a, b, false, "socket must be connected")

-- many at a time
local done = 0
for i = 1, 100 do
  spawn(function()
    local w = nmap.new_socket()
    assert(w:connect("127.0.0.1", ports.echo))
    local text = ("thread %d\n"):format(i)
    w:send(text)
    local ok, got = w:receive_lines(1)
    same(ok, got, true, text)
    done = done + 1
  end)
end
for _ = 1, 2500 do
  if done == 100 then break end
  nmap.socket.sleep(0.01)
end
same(done, 100)
