-- http and its parts: messages, redirects, cache, pipelining, authentication, forms.
local test, check, fake = ...

local http = require "http"
local auth, message, page = require "http.auth", require "http.message", require "http.page"

local function host()
  return { ip = "192.0.2.1", targetname = "www.example", registry = {} }
end
local port = { number = 80, protocol = "tcp", state = "open", version = { name_confidence = 10 } }

-- A server that answers each connection with what `answer(request)` gives.
local function serve(answer, key)
  local requests = {}
  fake.servers[key or "tcp:80"] = function(peer)
    local request = peer:recv()
    requests[#requests + 1] = request
    for _, piece in ipairs({ answer(request, #requests) }) do
      peer:send(piece)
    end
  end
  return requests
end

local function response(text)
  serve(function()
    return text
  end)
  return http.get(host(), port, "/")
end

test("a request names host, agent and connection, and only those", function()
  local requests = serve(function()
    return "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
  end)
  http.get(host(), port, "/a?b")
  check.equal(requests[1],
    "GET /a?b HTTP/1.1\r\nConnection: close\r\nHost: www.example\r\nUser-Agent: "
    .. http.USER_AGENT .. "\r\n\r\n")
end)

test("an odd port stands in the Host header, an IPv6 address in brackets", function()
  local requests = serve(function()
    return "HTTP/1.1 200 OK\r\n\r\n"
  end, "tcp:81")
  http.get({ ip = "2001:db8::1", registry = {} }, { number = 81, protocol = "tcp",
    version = { name_confidence = 10 } }, "/")
  check.contains(requests[1], "\r\nHost: [2001:db8::1]:81\r\n")
end)

test("a response is taken apart", function()
  local r = response("HTTP/1.1 404 Not Found\r\nServer: a\r\nX-Y: 1\r\nx-y:  2 \r\nFolded:"
    .. " a\r\n b\r\n"
    .. "Set-Cookie: id=\"5\"; Path=/x; HttpOnly\r\nContent-Length: 4\r\n\r\nbody and more")
  check.equal(r.status, 404)
  check.equal(r["status-line"], "HTTP/1.1 404 Not Found\r\n")
  check.equal(r.header["x-y"], "1, 2")
  check.equal(r.header.folded, "a b")
  check.equal(r.body, "body")
  check.same(r.cookies, { { name = "id", value = "5", path = "/x", httponly = "" } })
  check.equal(http.get_status_string(r), "404 Not Found")
end)

test("where pages that are not there want a login, a page that wants one is not there", function()
  check.equal(http.page_exists({ status = 401 }, 404, nil, "/x"), true)
  check.equal(http.page_exists({ status = 401 }, 401, nil, "/x"), false)
  check.equal(http.get_status_string({ ["status-line"] = "HTTP/1.1 401 \r\n" }), "401 ")
end)

test("lines may end with a bare newline", function()
  local r = response("HTTP/1.0 200 OK\nServer: x\n\nhello")
  check.equal(r.header.server, "x")
  check.equal(r.body, "hello")
end)

test("a chunked body is put together, from pieces of any size", function()
  local text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n7\r\n"
    .. ", world\r\n0\r\nA: b\r\n\r\n"
  local pieces = {}
  for c in text:gmatch(".") do
    pieces[#pieces + 1] = c
  end
  serve(function()
    return table.unpack(pieces)
  end)
  check.equal(http.get(host(), port, "/").body, "hello, world")
end)

-- A reader of what a connection sent before it closed.
local function reader_of(text)
  return message.reader({ receive = function()
    return nil, "EOF"
  end }, text)
end

test("the response after one with trailers is read", function()
  local reader = reader_of("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n"
    .. "A: b\r\nC: d\r\n\r\nHTTP/1.1 404 x\r\nContent-Length: 0\r\n\r\n")
  check.equal(message.read_response(reader, "GET", 1000).body, "ab")
  check.equal(message.read_response(reader, "GET", 1000).status, 404)
  reader = reader_of("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
    .. ("A: b\r\n"):rep(1000))
  check.fails(message.read_response(reader, "GET", 1000))
end)

test("interim responses without end are no response", function()
  local reader = message.reader({ receive = function()
    return true, "HTTP/1.1 103 Early Hints\r\n\r\n"
  end })
  check.same({ message.read_response(reader, "GET", 1000) }, { nil, "too many interim responses" })
end)

test("a body that breaks off is kept when the server closes, an error when it falls silent",
  function()
  local r = response("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort")
  check.equal(r.body, "short")
  fake.servers["tcp:80"] = function(peer)
    peer:recv()
    peer:send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort")
    peer:hang()
  end
  r = http.get(host(), port, "/")
  check.equal(r.status, nil)
  check.equal(r["status-line"], "TIMEOUT")
  check.equal(r.incomplete.body, "short")
end)

test("100 Continue is passed over, HEAD and 304 have no body", function()
  check.equal(response("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\nx").body, "x")
  check.equal(response("HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n").body, "")
  serve(function()
    return "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"
  end)
  check.equal(http.head(host(), port, "/").status, 200)
end)

test("a body longer than the limit is an error, or cut when the script can bear it", function()
  local function get(options)
    serve(function()
      return "HTTP/1.1 200 OK\r\n\r\n" .. ("x"):rep(5000)
    end)
    return http.get(host(), port, "/", options)
  end
  local r = get({ max_body_size = 1000 })
  check.equal(r.status, nil)
  check.contains(r["status-line"], "too large")
  r = get({ max_body_size = 1000, truncated_ok = true })
  check.equal(#r.body, 1000)
  check.truthy(r.truncated)
end)

test("what is no HTTP is an error and not a response", function()
  for _, text in ipairs({ "", "\0\1\2", "SSH-2.0-x\r\n\r\n", "HTTP/1.1 abc\r\n\r\n",
    "HTTP/1.1 20\r\n\r\n" }) do
    local r = response(text)
    check.equal(r.status, nil)
    check.equal(type(r["status-line"]), "string")
  end
end)

test("redirects within the host are followed, five of them", function()
  local requests = serve(function(_, n)
    return "HTTP/1.1 302 Found\r\nLocation: /" .. n .. "\r\nContent-Length: 0\r\n\r\n"
  end)
  local r = http.get(host(), port, "/")
  check.equal(#requests, 6)
  check.same(r.location, { "/1", "/2", "/3", "/4", "/5" })
  check.equal(r.status, 302)
end)

test("redirects to another host, port, scheme or with a user name are not followed", function()
  for _, location in ipairs({ "http://other/", "http://www.example:81/", "https://www.example/",
    "http://a@www.example/", "", "http://" }) do
    local requests = serve(function()
      return "HTTP/1.1 301 x\r\nLocation: " .. location .. "\r\nContent-Length: 0\r\n\r\n"
    end)
    local r = http.get(host(), port, "/")
    check.equal(#requests, 1, location)
    check.equal(r.location, nil)
  end
end)

test("redirect_ok may be false, a number or a function", function()
  local function count(rule)
    local requests = serve(function(_, n)
      return "HTTP/1.1 302 x\r\nLocation: /" .. n .. "\r\nContent-Length: 0\r\n\r\n"
    end)
    http.get(host(), port, "/", { redirect_ok = rule })
    return #requests
  end
  check.equal(count(false), 1)
  check.equal(count(2), 3)
  check.equal(count(function(h, p)
    check.equal(h.targetname .. ":" .. p.number, "www.example:80")
    return function(u) return u.path ~= "/3" end
  end), 3)
  check.equal(count(http.redirect_ok), 6)
  check.equal(count(function() return false end), 1)
end)

test("a redirect back from another host is asked of the first one", function()
  local requests = serve(function(_, n)
    local location = ({ "http://other/2", "http://www.example/3" })[n]
    return location and "HTTP/1.1 302 x\r\nLocation: " .. location .. "\r\n\r\n"
      or "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
  end)
  http.get(host(), port, "/", { redirect_ok = function()
    return function() return true end
  end })
  check.contains(requests[2], "Host: other\r\n")
  check.contains(requests[3], "Host: www.example\r\n")
end)

test("a page is asked for once, and every caller gets a copy of his own", function()
  local requests = serve(function()
    return "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
  end)
  local h = host()
  local first = http.get(h, port, "/")
  first.header.x = "changed"
  check.equal(http.get(h, port, "/").header.x, nil)
  check.equal(#requests, 1)
  http.get(h, port, "/", { bypass_cache = true })
  check.equal(#requests, 2)
  http.get(h, port, "/", { header = { Cookie = "x" } })
  check.equal(#requests, 3)
end)

test("POST sends a form, or bytes as they are", function()
  local requests = serve(function()
    return "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
  end)
  http.post(host(), port, "/", nil, nil, { b = "x y", a = 1 })
  check.contains(requests[1], "Content-Length: 11\r\n")
  check.contains(requests[1], "\r\n\r\na=1&b=x%20y")
  http.post(host(), port, "/", { header = { ["Content-Type"] = "text/xml" } }, nil, "<x/>")
  check.contains(requests[2], "Content-Type: text/xml\r\n")
end)

test("several requests share a connection, and those that a server does not answer are asked again",
  function()
  local connections = 0
  fake.servers["tcp:80"] = function(peer)
    connections = connections + 1
    local text = peer:recv()
    local n = 0
    for path in text:gmatch("GET (%S+)") do
      n = n + 1
      if n == 3 then
        return
      end
      peer:send("HTTP/1.1 200 OK\r\nContent-Length: " .. #path .. "\r\n\r\n" .. path)
    end
  end
  local all
  for i = 1, 7 do
    all = http.pipeline_add("/" .. i, nil, all)
  end
  local responses = http.pipeline_go(host(), port, all)
  for i = 1, 7 do
    check.equal(responses[i].body, "/" .. i)
  end
  check.truthy(connections <= 5, "connections: " .. connections)
end)

test("a pipeline to a dead server ends", function()
  local all = http.pipeline_add("/", nil, http.pipeline_add("/b"))
  check.equal(http.pipeline_go(host(), port, all), nil)
end)

-- A server that ends the connection where the path has a dot, and falls silent after `max` answers.
local function picky(max)
  local answers = 0
  fake.servers["tcp:80"] = function(peer)
    for request in peer.recv, peer do
      for path in request:gmatch("GET (%S+) HTTP") do
        if path:find(".", 1, true) then
          return
        elseif answers == max then
          peer:hang()
        end
        answers = answers + 1
        peer:send("HTTP/1.1 200 OK\r\nContent-Length: " .. #path .. "\r\n\r\n" .. path)
      end
    end
  end
end

local function told(paths)
  local all
  for _, path in ipairs(paths) do
    all = http.pipeline_add(path, nil, all)
  end
  local out = {}
  for i, response in ipairs(http.pipeline_go(host(), port, all) or {}) do
    out[i] = response.body or response.refused and "refused" or "lost"
  end
  return out
end

test("a pipeline goes on after a path for which the server ends the connection", function()
  picky()
  check.same(told({ "/.env", "/a", "/.git", "/.svn", "/b", "/.hg" }),
    { "refused", "/a", "refused", "refused", "/b", "refused" })
  local many, wanted = { "/a" }, { "/a" }
  for i = 2, 40 do
    many[i], wanted[i] = "/." .. i, "refused"
  end
  check.same(told(many), wanted)
  local connections = 0
  fake.servers["tcp:80"] = function()
    connections = connections + 1
  end
  check.same(told(many), {})
  check.truthy(connections < 10, "a server that answers nothing is left alone")
end)

test("a pipeline is told apart whose first paths are refused, or all", function()
  picky()
  check.same(told({ "/.a", "/.b" }), { "refused", "refused" })
  check.same(told({ "/.a", "/b" }), { "refused", "/b" })
end)

test("a pipeline ends where the server falls silent, or is gone", function()
  picky(2)
  check.same(told({ "/a", "/.x", "/b", "/c", "/d" }), { "/a", "refused", "/b", "lost", "lost" })
  picky(2)
  check.same(told({ "/a", "/b", "/.x", "/c" }), { "/a", "/b", "lost", "lost" })
  picky()
  local serve, n = fake.servers["tcp:80"], 0
  fake.servers["tcp:80"] = function(peer)
    n = n + 1
    return n == 1 and serve(peer)
  end
  check.same(told({ "/a", "/.x", "/c", "/d" }), { "/a", "lost", "lost", "lost" })
end)

test("Basic and Digest authentication", function()
  local requests = serve(function(request)
    if request:find("Authorization: Digest", 1, true) then
      return "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    end
    return 'HTTP/1.1 401 x\r\nWWW-Authenticate: Digest realm="r", nonce="n", qop'
      .. '="auth", opaque="o"\r\n'
      .. "Content-Length: 0\r\n\r\n"
  end)
  local r = http.generic_request(host(), port, "GET", "/p", { auth = { username = "u",
    password = "p", digest = true } })
  check.equal(r.status, 200)
  check.contains(requests[2], 'username="u", realm="r", nonce="n", uri="/p", qop=auth, nc=00000001')
  http.generic_request(host(), port, "GET", "/", { auth = { username = "Aladdin",
    password = "open sesame" } })
  check.contains(requests[3], "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n")
end)

test("the Digest answer of RFC 2617's example without qop", function()
  local header = auth.digest({ username = "Mufasa", password = "CircleOfLife" }, "GET", "/", {
    header = { ["www-authenticate"] = 'Digest realm="testrealm@host.com", nonce="dcd98b710'
      .. '2dd2f0e8b11d0f600bfb0c093"' },
  })
  check.contains(header, 'response="')
  check.same({ auth.digest({ username = "x" }, "GET", "/", { header = {} }) },
    { nil, "the server offers no Digest authentication" })
end)

test("challenges are taken apart", function()
  check.same(http.parse_www_authenticate('Basic realm="a \\"b\\", c", Digest realm=x, nonce="y=="'),
    {
    { scheme = "Basic", params = { realm = 'a "b", c' } },
    { scheme = "Digest", params = { realm = "x", nonce = "y==" } },
  })
  check.same(http.parse_www_authenticate("NTLM"), { { scheme = "NTLM", params = {} } })
  check.same(http.parse_www_authenticate("Negotiate abc=="), { { scheme = "Negotiate",
    params = { "abc==" } } })
  check.equal(http.parse_www_authenticate(""), nil)
  check.equal(#http.parse_www_authenticate(string.rep("a ", 20000)), 32)
end)

test("dates in the three forms of HTTP", function()
  local wanted = { year = 1994, month = 11, day = 6, hour = 8, min = 49, sec = 37, isdst = false }
  check.same(http.parse_date("Sun, 06 Nov 1994 08:49:37 GMT"), wanted)
  check.same(http.parse_date("Sunday, 06-Nov-94 08:49:37 GMT"), wanted)
  check.same(http.parse_date("Sun Nov  6 08:49:37 1994"), wanted)
  check.equal(http.parse_date("yesterday"), nil)
end)

test("forms are found and taken apart", function()
  local forms = http.grab_forms('<p><FORM method=POST action="/login"><input name'
    .. '=u type="text" value=\'a b\'>'
    .. '<textarea name="t"></textarea></form><formula><form>')
  check.equal(#forms, 2)
  check.same(http.parse_form(forms[1]), {
    action = "/login", method = "post",
    fields = { { name = "u", type = "text", value = "a b" }, { name = "t", type = "textarea" } },
  })
  check.equal(http.parse_form("<p>"), nil)
end)

test("pages of one long word, number or tag are read in time that grows with their length", function()
  for _, body in ipairs({ ("1"):rep(4000), ("1."):rep(50000), ("a"):rep(100000),
    ("a/"):rep(50000) }) do
    check.quick(page.clean_404, body)
  end
  for _, body in ipairs({ ("<a "):rep(50000), "<" .. ("a"):rep(100000), ("<form "):rep(20000) }) do
    check.quick(page.parse_form, "<form>" .. body)
    check.quick(string.match, body, page.tag_pattern("form"))
  end
end)

test("dates, times and long paths are taken out of a page", function()
  check.equal(page.clean_404("at 12:01:02, in 0.35 seconds, .5 ms, of %2Fx/y and x.y%41z: no"),
    "at , in , , of  and : no")
end)

test("a server that says 200 to everything is seen through", function()
  serve(function(request)
    local path = request:match("GET (%S+)")
    return "HTTP/1.1 200 OK\r\n\r\n<p>No such page " .. path .. " at 10:11:12</p>"
  end)
  local status, code, known = http.identify_404(host(), port)
  check.equal(status, true)
  check.equal(code, 200)
  check.falsy(http.page_exists({ status = 200, body = "<p>No such page /admin at 11:59:00</p>" },
    code, known))
  check.truthy(http.page_exists({ status = 200, body = "<h1>Welcome</h1>" }, code, known))
end)

test("page_exists follows the status when the server is honest", function()
  check.falsy(http.page_exists({ status = 404 }, 404))
  check.truthy(http.page_exists({ status = 200, body = "" }, 404))
  check.truthy(http.page_exists({ status = 401 }, 404))
  check.falsy(http.page_exists({ status = 403 }, 404))
  check.truthy(http.page_exists({ status = 403 }, 404, nil, "/", true))
  check.falsy(http.page_exists({ status = nil }, 404))
end)

test("response_contains looks at status line, headers and body", function()
  local r = { ["status-line"] = "HTTP/1.1 200 OK", rawheader = { "Server: Apache/2.4" },
    body = "Hello <b>World</b>" }
  check.same({ http.response_contains(r, "apache/(%d)") }, { true, { "2" } })
  check.same({ http.response_contains(r, "World") }, { true, { "world" } })
  check.same({ http.response_contains(r, "world", true) }, { false })
end)

test("TLS is found out, and the scheme then decides the port that is left out", function()
  local requests = serve(function()
    return "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
  end, "ssl:443")
  local r = http.get(host(), { number = 443, protocol = "tcp", state = "open", version = {} }, "/")
  check.equal(r.ssl, true)
  check.contains(requests[1], "Host: www.example\r\n")
  http.get_url("https://www.example/x?y")
  check.contains(requests[2], "GET /x?y HTTP/1.1")
end)

test("100,000 mutated responses neither throw nor hang", function()
  local seeds = {
    "HTTP/1.1 200 OK\r\nServer: x\r\nSet-Cookie: a=b; c\r\nContent-Length: 5\r\n\r\nhello",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n\r\n5\r\nh"
      .. "ello\r\n0\r\n\r\n",
    "HTTP/1.0 302 Found\r\nLocation: http://www.example/a\r\n a\r\n\r\n<form><input name=x></form>",
  }
  local socket = {}
  for i = 1, 100000 do
    local pieces = { fake.mutated(seeds[i % #seeds + 1]),
      fake.mutated(seeds[(i + 1) % #seeds + 1]) }
    function socket:receive()
      local piece = table.remove(pieces, 1)
      return piece and true or nil, piece or "EOF"
    end
    local r = message.read_response(message.reader(socket), "GET", 100000, false)
    if r then
      http.parse_www_authenticate(r.header["www-authenticate"] or r.body)
      page.parse_form(r.body)
      http.parse_redirect(host(), port, "/", r)
    end
  end
end)
