-- What a peer sent, handed to functions that read foreign bytes and that no recorded exchange of a
-- script reaches. The peer is a server of the tests, so that mutate.lua can change what it says.
local test, check, fake = ...

local nmap = require "nmap"
local web = require "support.web"

-- What arrives when the peer says `text`: at most 64 KiB, as scripts read.
local function heard(text)
  fake.servers["tcp:7"] = function(peer)
    peer:send(text)
  end
  local socket, pieces = nmap.new_socket(), {}
  socket:connect("192.0.2.1", 7)
  while true do
    local ok, piece = socket:receive()
    if not ok then
      return table.concat(pieces):sub(1, 65536)
    end
    pieces[#pieces + 1] = piece
  end
end

test("base32", function()
  local base32 = require "base32"
  check.equal(base32.dec(heard("MZXW6YTBOI======")), "foobar")
  check.equal(base32.dec(heard("CPNMUOJ1E8======"), true), "foobar")
  check.equal(base32.enc(heard("foobar")), "MZXW6YTBOI======")
end)

test("internationalised names", function()
  local idna, punycode = require "idna", require "punycode"
  check.equal(idna.toUnicode(heard("www.xn--bcher-kva.example")), "www.bücher.example")
  check.equal(idna.toASCII(heard("www.Bücher.example")), "www.xn--bcher-kva.example")
  check.same(punycode.decode_input(heard("bcher-kva")), { 0x62, 0xfc, 0x63, 0x68, 0x65, 0x72 })
  check.same(punycode.decode_label(heard("xn--tda")), { 0xfc })
end)

test("texts in UTF-16, UTF-8 and code page 437", function()
  local unicode = require "unicode"
  local wide = heard("\xfe\xff\0g\0r\0\xfc\0n\xd8\x3d\xde\x00")
  check.equal(unicode.chardet(wide), "utf-16be")
  check.equal(unicode.transcode(wide:sub(3), unicode.utf16_dec, unicode.utf8_enc, true), "grün😀")
  check.equal(unicode.utf16to8(heard("m\0u\0s\0t\0e\0r\0")), "muster")
  check.equal(unicode.utf8to16(heard("grün")), "g\0r\0\xfc\0n\0")
  check.equal(unicode.transcode(heard("gr\x81n"), unicode.cp437_dec, unicode.utf8_enc), "grün")
end)

test("a challenge of DIGEST-MD5, and one of CRAM-MD5", function()
  local sasl = require "sasl"
  local text = 'realm="elwood.innosoft.com",nonce="OA6MG9tEQGm2hh",qop="auth",'
    .. 'algorithm=md5-sess,charset=utf-8'
  local digest = sasl.DigestMD5:new(heard(text), "chris", "secret", nil, nil, "imap")
  check.equal(digest.challnvs.nonce, "OA6MG9tEQGm2hh")
  check.equal(digest.challnvs.charset, "utf-8")
  check.contains(digest:calcDigest(), 'realm="elwood.innosoft.com",nonce="OA6MG9tEQGm2hh"')
  local challenge = "<1896.697170952@postoffice.reston.mci.net>"
  check.contains(sasl.cram_md5_enc("tim", "tanstaaftanstaaf", heard(challenge)), "tim ")
end)

local udp_packet = "\x45\0\0\x20\x12\x34\0\0\x40\x11\xb6\x91\xc0\0\2\1\xc0\0\2\2"
  .. "\0\x35\x30\x39\0\x0c\0\0data"
local tcp_packet = "\x45\0\0\x2c\0\0\x40\0\x40\6\xb6\xc6\xc0\0\2\1\xc0\0\2\2"
  .. "\0\x16\x9c\x40\0\0\0\1\0\0\0\2\x60\x12\xff\xff\0\0\0\0\2\4\5\xb4"
local icmp6_packet = "\x60\0\0\0\0\x18\x3a\xff\xfe\x80" .. ("\0"):rep(13) .. "\1\xff\2"
  .. ("\0"):rep(13) .. "\1\x87\0\0\0\0\0\0\0\x20\1\x0d\xb8" .. ("\0"):rep(11) .. "\1"

test("frames and packets", function()
  local packet = require "packet"
  local frame = packet.Frame:new(heard(("\xff"):rep(6) .. "\2\0\0\0\0\1\x08\0" .. udp_packet))
  check.equal(frame.ether_type, 0x0800)
  check.equal(packet.Packet:new(frame.buf, #frame.buf).udp_dport, 12345)
  local tcp = packet.Packet:new(heard(tcp_packet), #tcp_packet)
  check.equal(tcp.tcp_sport, 22)
  check.equal(tcp:tostring(), tcp:tostring())
  local nd = packet.Packet:new(heard(icmp6_packet), #icmp6_packet)
  check.equal(nd.icmpv6_type, 135)
  for _, lenient in ipairs({ true, false }) do
    packet.Packet:new(heard(udp_packet), #udp_packet, lenient)
  end
end)

test("a site that links to itself", function()
  local httpspider = require "httpspider"
  web.serve(80, {
    ["/"] = '<a href="/a.html">a</a> <img src="x.png"> <form action="./go?q=1&amp;r=2">'
      .. '<A HREF = \'http://192.0.2.1/b#part\'>b</A><script src=//other.example/x.js></script>',
    ["/a.html"] = '<iframe src="deeper/"></iframe> <a href="javascript:x()">x</a>',
    ["/b"] = { status = 302, header = { Location = "/a.html" } },
  })
  local crawler = httpspider.Crawler:new({ ip = "192.0.2.1" }, { number = 80, service = "http" },
    "/", { scriptname = "test" })
  crawler:set_timeout(1000)
  local found = {}
  for _ = 1, 30 do
    local ok, page = crawler:crawl()
    if not ok then
      break
    end
    found[#found + 1] = tostring(page.url)
  end
  check.equal(found[1], "http://192.0.2.1:80/")
  check.truthy(#found >= 3)
end)

test("a service fingerprint", function()
  local utility = require "lpeg-utility"
  local text = 'SF-Port21-TCP:V=7.93%I=7%D=1/1%Time=0%r(NULL,10,"220\\x20ready\\r\\n\n'
    .. 'SF:more")%r(GenericLines,4,"500\\n")'
  check.equal(utility.get_response(heard(text), "GenericLines"), "500\n")
  check.equal(utility.parse_fp(heard(text)).NULL, "220 ready\r\nmore")
end)

test("names become targets", function()
  local target = require "target"
  target.ALLOW_NEW_TARGETS = true
  local names = {}
  for name in heard("host-1.example.test\n192.0.2.77\n2001:db8::/120\nfe80::1%eth0\n")
    :gmatch("[^\n]+") do
    names[#names + 1] = name
  end
  target.add(names)
  target.add(table.unpack(names, 1, 20))
  target.ALLOW_NEW_TARGETS = false
end)

test("bytes are shown, gathered, judged", function()
  local debugging, formulas, strbuf = require "nsedebug", require "formulas", require "strbuf"
  local bytes = heard("SSH-2.0-OpenSSH_9.2\r\n")
  debugging.print_hex(bytes)
  check.contains(debugging.tostr({ bytes, { bytes } }), "SSH-2.0")
  check.falsy(formulas.looksRandom(bytes .. bytes))
  check.truthy(formulas.calcPwdEntropy(bytes) > 0)
  local buffer = strbuf.new(bytes)
  for line in bytes:gmatch("[^\r\n]*") do
    buffer = buffer .. line
  end
  check.contains(strbuf.dump(buffer, "|"), "SSH-2.0")
end)

test("places that a peer names", function()
  local geoip = require "geoip"
  local latitude, longitude = heard("52.5200 13.4050"):match("^(%S+) (%S+)$")
  geoip.empty()
  geoip.add("192.0.2.1", tonumber(latitude), tonumber(longitude))
  check.truthy(next(geoip.get_all_by_ip()))
end)

test("a session of SSH over the host's libssh2", function()
  local libssh2, utility = require "libssh2", require "libssh2-utility"
  local kept = {}
  for name, f in pairs(libssh2) do
    kept[name] = f
  end
  local said, at = { heard("Welcome\r\n"), heard("Linux lab 6.1\r\n"), heard("x86_64\r\n") }, 1
  libssh2.session_open = function() return {} end
  libssh2.userauth_banner = function() return said[1] end
  libssh2.userauth_list = function() return { heard("publickey"), heard("password") } end
  libssh2.userauth_password = function() return true end
  libssh2.open_channel, libssh2.channel_exec = function() return {} end, function() end
  libssh2.channel_eof = function() return at >= #said end
  libssh2.channel_read = function()
    at = at + 1
    return said[at]
  end
  libssh2.channel_close, libssh2.session_close = function() end, function() end
  local helper = utility.SSHConnection:new()
  check.truthy(helper:connect_pcall("192.0.2.1", { number = 22 }))
  check.equal(helper:banner(), "Welcome\r\n")
  check.same(helper:list("root"), { "publickey", "password" })
  check.truthy(helper:password_auth("lab", "secret"))
  check.equal(helper:run_remote("uname -a"), "Linux lab 6.1\r\nx86_64")
  helper:disconnect()
  for name in pairs(libssh2) do
    libssh2[name] = kept[name]
  end
end)

test("what is far too long is no name, no label and no challenge, at once", function()
  local idna, punycode, sasl = require "idna", require "punycode", require "sasl"
  local long = ("a"):rep(200000)
  check.fails(idna.toASCII(long))
  check.fails(idna.toUnicode(long))
  check.fails(punycode.decode_label(long))
  check.same(sasl.DigestMD5:new(long, "u", "p").challnvs, {})
end)
