-- tls and sslcert: hellos, records, messages, certificates after STARTTLS.
local test, check, fake = ...

local tls, sslcert = require "tls", require "sslcert"

local function record(body, kind, version)
  return string.pack(">BI2s2", kind or 22, version or 0x0303, body)
end
local function handshake(kind, body)
  return string.pack(">Bs3", kind, body)
end
local function server_hello(code, extensions)
  local body = string.pack(">I2", 0x0303) .. ("r"):rep(32) .. string.pack(">s1I2B", "sid", code, 0)
  return handshake(2, body .. (extensions and string.pack(">s2", extensions) or ""))
end
local certificate = handshake(11, string.pack(">s3", string.pack(">s3s3", "DER one", "DER two")))

-- dovecot 2.3 without DH parameters ends the handshake when a suite with DHE is the first it shares.
test("suites with elliptic curves are offered before those with finite fields", function()
  local seen = 0
  for i, name in ipairs(tls.DEFAULT_TLS12_CIPHERS) do
    if name:find("ECDHE", 1, true) then
      seen = seen + 1
      check.equal(i, seen)
    end
  end
  check.equal(seen, 5)
end)

test("all suites with a certificate are offered in an order that is the same each time", function()
  local names, rank_before, code_before, first = tls.suites_with_certificate(), 0, 0, {}
  check.equal(#names > 150, true)
  for i, name in ipairs(names) do
    local kx, code = name:match("^TLS_([^_]+)"), tls.CIPHERS[name]
    local rank = ({ ECDHE = 1, RSA = 2, DHE = 3 })[kx] or 4
    check.truthy(rank > rank_before or rank == rank_before and code > code_before, name)
    check.falsy(name:find("anon", 1, true) or name:find("PSK", 1, true), name)
    rank_before, code_before = rank, code
    first[kx] = first[kx] or i
  end
  check.truthy(first.ECDHE and first.RSA and first.DHE)
  local offered, codes = nil, {}
  for i, name in ipairs(names) do
    codes[i] = string.pack(">I2", tls.CIPHERS[name])
  end
  fake.servers["tcp:443"] = function(peer)
    offered = string.unpack(">s2", peer:recv(), 45)
  end
  sslcert.getCertificate({ ip = "192.0.2.1", registry = {} }, { number = 443, protocol = "tcp",
    version = { service_tunnel = "ssl" } })
  check.equal(offered, table.concat(codes))
end)

test("names of cipher suites say what they are", function()
  local function short(name)
    local i = tls.cipher_info(name)
    return table.concat({ tostring(i.kex), tostring(i.cipher), tostring(i.size),
      tostring(i.block_size), tostring(i.mode),
      tostring(i.hash), tostring(i.pfs), tostring(i.export), tostring(i.anon) }, " ")
  end
  check.equal(short("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"),
    "ECDHE_RSA AES 256 128 GCM SHA384 true nil nil")
  check.equal(short("TLS_RSA_EXPORT_WITH_RC4_40_MD5"),
    "RSA_EXPORT RC4 40 nil stream MD5 nil true nil")
  check.equal(short("TLS_DHE_RSA_WITH_3DES_EDE_CBC_SHA"),
    "DHE_RSA 3DES 112 64 CBC SHA true nil nil")
  check.equal(short("TLS_RSA_WITH_AES_128_CCM_8"), "RSA AES 128 128 CCM_8 SHA256 nil nil nil")
  check.equal(short("TLS_AKE_WITH_CHACHA20_POLY1305_SHA256"),
    "AKE CHACHA20-POLY1305 256 128 stream SHA256 true nil nil")
  check.equal(short("TLS_NULL_WITH_NULL_NULL"), "NULL NULL 0 nil nil NULL nil nil true")
end)

test("IANA's numbers and names stand in the table", function()
  check.equal(tls.CIPHERS.TLS_RSA_WITH_AES_128_CBC_SHA, 0x002f)
  check.equal(tls.CIPHERS.TLS_AKE_WITH_AES_128_GCM_SHA256, 0x1301)
  check.equal(tls.CIPHERS.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, 0xcca9)
  check.equal(tls.rsa_equiv("ec", 256), 3072)
  check.equal(tls.rsa_equiv("dh", 1024), 1024)
end)

test("a hello is a record that we could read ourselves", function()
  for _, protocol in ipairs({ "SSLv3", "TLSv1.0", "TLSv1.2", "TLSv1.3" }) do
    local hello = tls.client_hello({ protocol = protocol,
      ciphers = { "TLS_RSA_WITH_AES_128_CBC_SHA" } })
    local at, r = tls.record_read(hello, 1)
    check.equal(at, #hello + 1)
    check.equal(r.body[1].type, "client_hello")
    check.equal(r.protocol, protocol == "SSLv3" and "SSLv3" or "TLSv1.0")
  end
  local modern = tls.client_hello({ protocol = "TLSv1.3", record_protocol = "TLSv1.3" })
  check.equal(select(2, tls.record_read(modern, 1)).protocol, "TLSv1.2")
  check.contains(tls.client_hello({ host = { ip = "1.2.3.4", targetname = "www.example" } }),
    "\0\0\11www.example")
end)

test("a server's answer is read, over records of any size", function()
  local stream = record(server_hello(0xc02f, "\0\x17\0\0\xff\1\0\1\0") .. certificate:sub(1, 5))
    .. record(certificate:sub(6) .. handshake(12, "\3\0\x17\4abcd\4\1\0\3sig") .. handshake(14, ""))
  local messages, at, fragment = {}, 1, nil
  while at <= #stream do
    local r
    at, r = tls.record_read(stream, at, fragment)
    fragment = r.fragment
    for _, m in ipairs(r.body) do
      messages[#messages + 1] = m
    end
  end
  check.equal(messages[1].cipher, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256")
  check.equal(messages[1].compressor, "NULL")
  check.equal(messages[1].extensions.extended_master_secret, "")
  check.same(messages[2].certificates, { "DER one", "DER two" })
  check.equal(messages[4].type, "server_hello_done")
  local info = tls.cipher_info(messages[1].cipher).server_key_exchange(messages[3].data, "TLSv1.2")
  check.same(info.ecdhparams, { curve_params = { ec_curve_type = "namedcurve",
    curve = "secp256r1" }, public = "abcd" })
  check.same(info.signed, { hash_algorithm = 4, signature_algorithm = 1, signature = "sig" })
end)

test("TLS 1.3 is told by its extension", function()
  local _, r = tls.record_read(record(server_hello(0x1301, "\0\x2b\0\2\3\4")), 1)
  check.equal(r.body[1].protocol, "TLSv1.3")
  check.equal(r.body[1].cipher, "TLS_AKE_WITH_AES_128_GCM_SHA256")
end)

test("who offers suites with elliptic curves names curves", function()
  local curves = "\0\x0a\0\x0c\0\x0a\0\x17\0\x18\0\x19\0\x1d\1\0"
  check.contains(tls.client_hello({ protocol = "TLSv1.2" }), curves)
  local plain = tls.client_hello({ protocol = "TLSv1.2", ciphers = { "TLS_RSA_WITH_RC4_128_MD5" } })
  check.equal(plain:find(curves, 1, true), nil)
end)

test("the server's share of TLS 1.3, and the group that it asks for, are a key exchange", function()
  local info = tls.cipher_info("TLS_AKE_WITH_AES_128_GCM_SHA256")
  check.equal(info.tls13ok and info.tls13only, true)
  check.equal(info.pubkey, nil)
  check.equal(tls.cipher_info("TLS_RSA_WITH_AES_128_CBC_SHA").tls13only, nil)
  local share = info.server_key_exchange("\0\x1d\0\4abcd", "TLSv1.3")
  check.same(share, { ecdhparams = { curve_params = { ec_curve_type = "namedcurve",
    curve = "ecdh_x25519" }, public = "abcd" }, strength = 256 })
  local retry = info.server_key_exchange("\0\x17", "TLSv1.3")
  check.equal(retry.ecdhparams.curve_params.curve, "secp256r1")
  check.equal(retry.strength, 256)
  for _, broken in ipairs({ "", "\0", "\0\x17\0", "\0\x17\0\4abc" }) do
    check.fails(info.server_key_exchange(broken, "TLSv1.3"))
  end
end)

test("alerts are named, what is no TLS is nil", function()
  local _, r = tls.record_read("\x15\3\3\0\2\2\40", 1)
  check.same(r.body, { { level = "fatal", description = "handshake_failure" } })
  for _, bytes in ipairs({ "", "\x16", "HTTP/1.1 400 Bad", "\x16\3\3\xff\xff", "\x16\9\9\0\1x" }) do
    check.equal(select(2, tls.record_read(bytes, 1)), nil)
  end
end)

test("record_buffer waits for a whole record and refuses what is none", function()
  fake.servers["tcp:1"] = function(peer)
    peer:send("\x15\3")
    peer:send("\3\0\2\2\40")
  end
  local socket = fake.nmap.new_socket()
  socket:connect("h", 1)
  check.same({ tls.record_buffer(socket, "", 1) }, { true, "\x15\3\3\0\2\2\40" })
  fake.servers["tcp:2"] = function(peer) peer:send("SSH-2.0-OpenSSH\r\n") end
  socket = fake.nmap.new_socket()
  socket:connect("h", 2)
  check.same({ tls.record_buffer(socket, "", 1) }, { false, "no TLS record" })
end)

test("broken key exchanges and certificates are refused quietly", function()
  for _, kex in ipairs({ "DHE_RSA", "ECDHE_RSA", "RSA_EXPORT", "ECDHE_PSK", "SRP_SHA_RSA" }) do
    check.fails(tls.KEX_ALGORITHMS[kex].server_key_exchange("\xff\xff\1", "TLSv1.2"))
  end
  local _, r = tls.record_read(record(handshake(11, "\0\0\9\0\0\4DER")), 1)
  check.equal(r.body[1].certificates, nil)
end)

test("100,000 mutated answers neither throw nor hang", function()
  local seed = record(server_hello(0xc02f, "\0\x17\0\0\0\x2b\0\2\3\4") .. certificate)
    .. record(handshake(12, "\3\0\x17\4abcd\4\1\0\3sig") .. handshake(4, "\0\0\0\1\0\3abc"))
      .. "\x15\3\3\0\2\2\40"
  for _ = 1, 100000 do
    local stream = fake.mutated(fake.mutated(seed))
    local at, fragment = 1, nil
    for _ = 1, 10 do
      local r
      at, r = tls.record_read(stream, at, fragment)
      if not r then
        break
      end
      fragment = r.fragment
    end
  end
end)

-- Certificates ------------------------------------------------------------------------------------

local cert = { subject = { commonName = "x" } }

local function fetched(number, plain, service)
  fake.servers["tcp:" .. number] = plain
  fake.servers["starttls:" .. number] = function(peer) peer:hang() end
  require("support.socket").certificate("starttls:" .. number, cert)
  local port = { number = number, protocol = "tcp", service = service, version = {
    service_tunnel = "none" } }
  local status, result = sslcert.getCertificate({ ip = "192.0.2.1", registry = {} }, port)
  return status and result == cert, result
end

test("certificates after STARTTLS", function()
  local cases = {
    { 21, fake.replies("220-hi\r\n220 ready\r\n", { "234 go\r\n" }) },
    { 25, fake.replies("220 mx\r\n", { "250-mx\r\n250 STARTTLS\r\n", "220 go\r\n" }) },
    { 143, fake.replies("* OK imap\r\n", { "a1 OK begin\r\n" }) },
    { 110, fake.replies("+OK pop\r\n", { "+OK begin\r\n" }) },
    { 119, fake.replies("200 news\r\n", { "382 go\r\n" }) },
    { 389, fake.replies(nil, { "\x30\x0c\2\1\1\x78\7\10\1\0\4\0\4\0" }) },
    { 5432, fake.replies(nil, { "S" }) },
    { 3306, fake.replies(string.pack("<I3B", 60, 0) .. "\x0a8.0.1\0" .. ("x"):rep(13) .. "\xff\xff"
    .. ("y"):rep(38), {}, true) },
    { 5222, fake.replies(nil,
    { "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>",
      "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>" }) },
    { 5269, function(peer)
      check.contains(peer:recv(), "xmlns='jabber:server'")
      peer:send("<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
        .. "</stream:features>")
      peer:recv()
      peer:send("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
    end },
    { 3389, fake.replies(nil, { "\3\0\0\x13\x0e\xd0\0\0\x12\x34\0\2\1\8\0\1\0\0\0" }) },
    { 5900, fake.replies("RFB 003.008\n", { "\1\x13", "\0\2", "\0\1\0\0\1\4", "\1" }) },
  }
  for _, case in ipairs(cases) do
    local ok, why = fetched(case[1], case[2])
    check.truthy(ok, case[1] .. ": " .. tostring(why))
  end
end)

test("servers that refuse to switch give a reason", function()
  for number, server in pairs({
    [21] = fake.replies("220 hi\r\n", { "500 what\r\n" }),
    [25] = fake.replies("220 mx\r\n", { "250 mx\r\n", "454 no\r\n" }),
    [143] = fake.replies("* OK\r\n", { "a1 BAD\r\n" }),
    [110] = fake.replies("-ERR\r\n"),
    [5432] = fake.replies(nil, { "N" }),
    [389] = fake.replies(nil, { "\x30\x0c\2\1\1\x78\7\10\1\2\4\0\4\0" }),
    [3306] = fake.replies("\5\0\0\0\xffabcd"),
    [5900] = fake.replies("RFB 003.003\n"),
    [3389] = fake.replies(nil, { "\3\0\0\x13\x0e\xd0\0\0\x12\x34\0\3\0\8\0\2\0\0\0" }),
    [587] = function(peer) peer:hang() end,
  }) do
    local ok, why = fetched(number, server)
    check.falsy(ok, number)
    check.equal(type(why), "string")
  end
end)

test("a list or a greeting of length 0 is no failure of ours", function()
  for number, server in pairs({
    [5900] = fake.replies("RFB 003.008\n", { "\1\x13", "\0\2", "\0\0" }, true),
    [3306] = fake.replies("\0\0\0\0", {}, true),
  }) do
    local ok, why = fetched(number, server)
    check.falsy(ok, number)
    check.equal(type(why), "string")
  end
end)

test("a MySQL greeting that ends within its capabilities is none", function()
  local greeting = "\x0a8.0.1\0" .. ("x"):rep(13) .. "\xff"
  check.same({ fetched(3306, fake.replies(string.pack("<I3B", #greeting, 0) .. greeting, {}, true)) },
    { false, "no MySQL greeting" })
end)

test("a long refusal of StartTLS is read in one go", function()
  local started = os.clock()
  check.falsy(fetched(389, fake.replies(nil, { ("\x78"):rep(131072) })))
  check.truthy(os.clock() - started < 2)
end)

test("a certificate is fetched once for each host and port", function()
  fake.servers["ssl:443"] = function(peer) peer:hang() end
  require("support.socket").certificate("ssl:443", cert)
  local host, port = { ip = "192.0.2.1", registry = {} }, { number = 443, protocol = "tcp",
    version = {} }
  check.same({ sslcert.getCertificate(host, port) }, { true, cert })
  fake.servers["ssl:443"] = nil
  check.same({ sslcert.getCertificate(host, port) }, { true, cert })
end)

-- How many connections the scripts that look at TLS make to a server that has none.
local function connections(number, server)
  local n, port = 0, { number = number, protocol = "tcp", version = {} }
  local host = { ip = "192.0.2.1", registry = {} }
  fake.servers["tcp:" .. number] = function(peer)
    n = n + 1
    server(peer)
  end
  fake.servers["ssl:" .. number] = fake.servers["tcp:" .. number]
  for _ = 1, 2 do
    check.fails(sslcert.getPrepareTLSWithoutReconnect(port)(host, port))
    check.fails(sslcert.getCertificate(host, port))
  end
  return n
end

test("a server that counts who breaks off, and has no TLS, is asked once", function()
  local greeting = "\x0a8.0.1\0" .. ("x"):rep(13) .. "\xff\xf7" .. ("y"):rep(38)
  check.equal(connections(3306, fake.replies(string.pack("<I3B", #greeting, 0) .. greeting, {}, true)),
    1)
  check.equal(connections(5900, fake.replies("RFB 003.008\n", { "\2\2\16" }, true)), 1)
  check.equal(connections(5900, fake.replies("RFB 003.003\n", { "\0\0\0\2" }, true)), 1)
  -- a refusal says nothing of TLS
  check.truthy(connections(5900, fake.replies("RFB 003.008\n", { "\0\0\0\0\4busy" }, true)) > 1)
end)

test("a handshake that the library cannot do is done by hand", function()
  fake.servers["tcp:443"] = function(peer)
    peer:recv()
    peer:send(record(server_hello(0x002f) .. certificate))
  end
  fake.nmap.socket.parse_ssl_certificate = function(der)
    return der == "DER one" and cert or nil
  end
  local port = { number = 443, protocol = "tcp", version = { service_tunnel = "ssl" } }
  check.same({ sslcert.getCertificate({ ip = "192.0.2.1", registry = {} }, port) }, { true, cert })
  fake.nmap.socket.parse_ssl_certificate = function() end
end)

test("SQL Server's handshake is wrapped in its packets", function()
  local function tds(data)
    return string.pack(">BBI2I2BB", 0x12, 1, #data + 8, 0, 1, 0) .. data
  end
  fake.servers["tcp:1433"] = function(peer)
    peer:recv()
    peer:send(tds("\0\0\11\0\6\1\0\17\0\1\xff\9\0\0\0\0\0\1"))
    local hello = peer:recv()
    check.equal(hello:sub(9, 9), "\x16")
    local answer = tds(record(server_hello(0x002f))) .. tds(record(certificate))
    peer:send(answer:sub(1, 20))
    peer:send(answer:sub(21))
  end
  fake.nmap.socket.parse_ssl_certificate = function() return cert end
  local status, result = sslcert.getCertificate({ ip = "192.0.2.1", registry = {} },
    { number = 1433, protocol = "tcp", version = {} })
  fake.nmap.socket.parse_ssl_certificate = function() end
  check.equal(result, cert, tostring(status))
end)
