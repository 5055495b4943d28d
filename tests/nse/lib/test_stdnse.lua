-- stdnse, shortport, comm, datafiles, target, unittest.
local test, check, fake = ...

local stdnse, shortport, comm = require "stdnse", require "shortport", require "comm"
local datafiles, unittest = require "datafiles", require "unittest"

test("script arguments are found by their full name, then by the last part, then as flags",
  function()
  fake.nmap.registry.args = { ["x.a"] = "1", b = "2", "flag" }
  check.same({ stdnse.get_script_args("x.a", "y.b", { "no", "x.a" }, "s.flag", "none") }, { "1",
    "2", "1", 1 })
  check.equal(select("#", stdnse.get_script_args("none", "none")), 2)
end)

test("no name of a script argument is no argument", function()
  fake.nmap.registry.args = { a = "1" }
  local values = table.pack(stdnse.get_script_args(nil, "a", nil))
  check.same(values, { nil, "1", n = 3 })
end)

test("clocks are floats", function()
  check.equal(math.type(stdnse.clock_ms()), "float")
  check.equal(math.type(stdnse.clock_us()), "float")
  check.equal(stdnse.clock_us() % 1, 0.0)
end)

-- observed on nmap 7.93
test("a library makes variables of its own whenever it likes", function()
  local env = stdnse.module("stdnse-test.module", stdnse.seeall, function(t)
    t.given = 3
  end)
  local count = load([[
    first = 1
    function set() later = first + given end
    set()
    return string.rep(tostring(later), 2), _NAME, _M
  ]], "=library", "t", env)
  check.same({ count() }, { "44", "stdnse-test.module", env })
  env.print = "own"
  check.equal(rawget(_G, "later"), nil)
  check.equal(type(print), "function")
  local bare = stdnse.module("stdnse-test.bare")
  check.equal(bare.string, nil)
  check.equal(bare.undeclared, nil)
end)

test("an output table keeps the order of its keys", function()
  local t = stdnse.output_table()
  check.falsy(t())
  t.b = 1
  t.a = 2
  t.b = 3
  t.a = nil
  t.c = 4
  t.a = 5
  local seen = {}
  for k, v in pairs(t) do
    seen[#seen + 1] = k .. v
  end
  check.same(seen, { "b3", "c4", "a5" })
  check.equal(#t, 3)
  check.truthy(t())
  check.equal(next(t), nil)
end)

test("format_output indents nested lists and shows headings", function()
  check.equal(stdnse.format_output(true, { "a", { name = "n", "b\nc" }, {} }),
    "\n  a\n  n\n    b\n    c\n")
  check.equal(stdnse.format_output(true, ""), nil)
  check.equal(stdnse.format_output(true, {}), nil)
  check.equal(stdnse.format_output(true, { { name = "empty" } }), nil)
  check.equal(stdnse.format_output(false, { "x" }), nil)
  fake.debug_level = 1
  check.throws("expected", stdnse.format_output, true, nil)
end)

test("hex is written in groups counted from the right, and read back", function()
  check.equal(stdnse.tohex("abcde", { separator = " ", group = 4 }), "61 6263 6465")
  check.equal(stdnse.tohex(0x1234, { separator = ":" }), "12:34")
  check.equal(stdnse.format_mac("\1\2\3\4\5\255"), "01:02:03:04:05:ff")
  check.equal(stdnse.fromhex("61 62\n63"), "abc")
  check.fails(stdnse.fromhex("616"))
  check.fails(stdnse.fromhex("6x"))
end)

test("timespecs", function()
  check.equal(stdnse.parse_timespec("100ms"), 0.1)
  check.equal(stdnse.parse_timespec("2.5m"), 150)
  check.equal(stdnse.parse_timespec("1h"), 3600)
  check.equal(stdnse.parse_timespec(7), 7)
  for _, bad in ipairs({ "", "s", "-1", "5d", "1e3" }) do
    check.fails(stdnse.parse_timespec(bad))
  end
  check.fails(stdnse.parse_timespec(nil))
end)

test("get_timeout follows the host's round trips within its bounds", function()
  check.equal(stdnse.get_timeout({ times = { timeout = 0.7 } }, 1000, 100), 700)
  check.equal(stdnse.get_timeout({ times = { timeout = 10 } }), 8000)
  check.equal(stdnse.get_timeout({ times = { timeout = 0.01 } }), 1000)
  check.equal(stdnse.get_timeout(nil, 5000), 5000)
end)

test("make_buffer gives piece after piece, then what is left, then the reason", function()
  local pieces = { "a\nb", "b\n", "c" }
  local socket = {
    receive = function()
      local piece = table.remove(pieces, 1)
      return piece and true or nil, piece or "EOF"
    end,
  }
  local buffer = stdnse.make_buffer(socket, "\n", "0\n")
  check.same({ buffer(), buffer(), buffer(), buffer() }, { "0", "a", "bb", "c" })
  check.same({ buffer() }, { nil, "EOF" })
end)

test("the log names the script and what it works on", function()
  fake.debug_level = 1
  stdnse.getid = function() return "my-script" end
  stdnse.gethostport = function() return { ip = "192.0.2.1" }, { number = 80 } end
  stdnse.debug1("value %d", 5)
  stdnse.debug2("not shown")
  stdnse.getid, stdnse.gethostport = function() end, function() end
  check.same(fake.logged(), { "[my-script 192.0.2.1:80] value 5" })
end)

local function port(number, more)
  local p = { number = number, protocol = "tcp", state = "open", version = {
    name_confidence = 3.0 } }
  for k, v in pairs(more or {}) do
    p[k] = v
  end
  return p
end

test("port rules go by number, service, protocol and state", function()
  local rule = shortport.port_or_service({ 80, "8000-8010" }, { "http", "www" })
  check.truthy(rule(nil, port(8005)))
  check.truthy(rule(nil, port(1, { service = "www" })))
  check.falsy(rule(nil, port(81)))
  check.falsy(rule(nil, port(80, { protocol = "udp" })))
  check.falsy(rule(nil, port(80, { state = "closed" })))
  check.truthy(shortport.portnumber(53, { "tcp", "udp" })(nil, port(53, { protocol = "udp",
    state = "open|filtered" })))
  check.truthy(shortport.port_range("1-3,U:5,T:9-")(nil, port(65000)))
  check.truthy(shortport.http(nil, port(8080)))
end)

test("a version rule follows intensity and excluded ports", function()
  local rule = shortport.version_port_or_service({ 9100, 80 }, nil, "tcp", nil, 8)
  check.falsy(rule(nil, port(80)))
  fake.intensity = 9
  check.truthy(rule(nil, port(80)))
  check.falsy(rule(nil, port(9100)))
  fake.intensity = nil
end)

test("an unknown port is asked for TLS once", function()
  local asked = 0
  fake.servers["tcp:12345"] = function(peer)
    asked = asked + 1
    peer:recv()
    peer:send("\x15\x03\x03\0\2\2\40")
  end
  local host = { ip = "192.0.2.1", registry = {} }
  check.truthy(shortport.ssl(host, port(12345)))
  check.truthy(shortport.ssl(host, port(12345)))
  check.equal(asked, 1)
  local function greeted(number, reply)
    local n = 0
    fake.servers["tcp:" .. number] = function(peer)
      n = n + 1
      peer:recv()
      peer:send(n == 1 and reply or "")
    end
    check.falsy(shortport.ssl(host, port(number)))
    return n
  end
  check.equal(greeted(12346, "HTTP/1.1 400 Bad Request\r\n\r\n"), 1, "it spoke: no second greeting")
  fake.servers["tcp:12345"] = function(peer)
    asked = asked + 1
    peer:recv()
    if asked == 3 then
      peer:send("\x15\x03\x01\0\2\2\40")
    end
  end
  check.truthy(shortport.ssl({ ip = "192.0.2.2", registry = {} }, port(12345)))
  check.equal(asked, 3, "one that says nothing is greeted as by an older client, too")
  check.falsy(shortport.ssl(host, port(12347, { version = { name_confidence = 10.0 } })))
  check.truthy(shortport.ssl(host, port(443)))
end)

test("who asks a port for TLS waits for nobody who asks another one", function()
  local host, mutex, asked = { ip = "192.0.2.1", registry = {} }, nmap.mutex, {}
  nmap.mutex = function(object)
    asked[#asked + 1] = object
    return mutex(object)
  end
  shortport.ssl(host, port(12348))
  shortport.ssl(host, port(12349))
  nmap.mutex = mutex
  check.equal(#asked, 2)
  check.truthy(asked[1] ~= asked[2])
end)

test("comm exchanges, greets and finds out about TLS", function()
  fake.servers["tcp:7"] = fake.replies("hello\n", { "world\n" })
  local host = { ip = "192.0.2.1", registry = {} }
  check.same({ comm.get_banner(host, port(7), { lines = 1 }) }, { true, "hello\n" })
  local socket, answer, early = comm.opencon(host, port(7), "x", { recv_before = true, lines = 1 })
  check.truthy(socket)
  check.same({ answer, early }, { "world\n", "hello\n" })
  fake.servers["ssl:8"] = fake.replies(nil, { "secret" })
  local s, reply, protocol = comm.tryssl(host, port(8), "x")
  check.truthy(s)
  check.same({ reply, protocol }, { "secret", "ssl" })
  check.same({ comm.exchange(host, port(9), "x") }, { false, "ERROR" })
  fake.servers["tcp:10"] = function(peer) peer:hang() end
  check.same({ comm.exchange(host, port(10), "x") }, { false, "TIMEOUT" })
end)

test("a TLS handshake may take as long as an answer, a connection less", function()
  local host, patience = { ip = "192.0.2.1", registry = {}, times = { timeout = 0.1 } }, nil
  local function server(peer)
    patience = peer.patience
    peer:send("hello")
  end
  fake.servers["tcp:8"], fake.servers["ssl:8"] = server, server
  for _, case in ipairs({ { "tcp", 1000 }, { "ssl", 7000 }, { "ssl", 500, connect_timeout = 500 },
    { "ssl", 20000, request_timeout = 20000 } }) do
    comm.get_banner(host, port(8), { proto = case[1], connect_timeout = case.connect_timeout,
      request_timeout = case.request_timeout })
    check.equal(patience, case[2])
  end
end)

test("data files are parsed by patterns and functions", function()
  local lines = { "# x", "a 1", "b 2", "a 3" }
  check.same({ datafiles.parse_lines(lines, { "^(%a)" }) }, { true, { "a", "b", "a" } })
  check.same({ datafiles.parse_lines(lines, { ["^(%a)"] = "(%d)" }) }, { true, { a = "1",
    b = "2" } })
  check.fails(datafiles.parse_lines({}, {}))
  check.fails(datafiles.read_from_file("/nonexistent"))
  check.fails(datafiles.parse_services("icmp"))
end)

test("our services file gives names", function()
  local status, services = datafiles.parse_services("tcp")
  if status then
    check.equal(services[22], "ssh")
    check.equal(services[443], "https")
  end
end)

test("a suite counts its failures, also of tests that throw", function()
  local suite = unittest.TestSuite:new()
  suite:add_test(unittest.equal(1, 1), "equal")
  suite:add_test(unittest.is_nil(5), "wrong")
  suite:add_test(function() error("x") end, "throws")
  suite:add_test(unittest.identical({ a = { 1 } }, { a = { 1 } }), "same")
  suite:add_test(unittest.expected_failure(unittest.is_true(false)), "expected")
  check.same({ suite() }, { 2, 5 })
end)
