-- Texts and numbers: base64, base32, url, json, datetime, ipOps, unicode.
local test, check = ...

local base64, base32, url, json = require "base64", require "base32", require "url", require "json"
local datetime, ipOps, unicode = require "datetime", require "ipOps", require "unicode"

test("base64 and base32: the vectors of RFC 4648", function()
  local vectors = {
    { "", "", "", "" }, { "f", "Zg==", "MY======", "CO======" }, { "fo", "Zm8=", "MZXQ====",
    "CPNG====" },
    { "foo", "Zm9v", "MZXW6===", "CPNMU===" }, { "foob", "Zm9vYg==", "MZXW6YQ=", "CPNMUOG=" },
    { "fooba", "Zm9vYmE=", "MZXW6YTB", "CPNMUOJ1" }, { "foobar", "Zm9vYmFy", "MZXW6YTBOI======",
    "CPNMUOJ1E8======" },
  }
  for _, v in ipairs(vectors) do
    check.equal(base64.enc(v[1]), v[2])
    check.equal(base64.dec(v[2]), v[1])
    check.equal(base32.enc(v[1]), v[3])
    check.equal(base32.dec(v[3]), v[1])
    check.equal(base32.enc(v[1], true), v[4])
    check.equal(base32.dec(v[4], true), v[1])
  end
  check.equal(base64.dec("Zm9v\r\nYmFy"), "foobar")
end)

test("a URL is taken apart and put together again", function()
  local u = url.parse("http://us%20er:pw@host.com:8080/p/a.txt;x?q=1#frag")
  check.same(u, {
    scheme = "http", authority = "us%20er:pw@host.com:8080", userinfo = "us%20er:pw",
    user = "us%20er",
    password = "pw", host = "host.com", ascii_host = "host.com", port = 8080, path = "/p/a.txt",
    params = "x",
    query = "q=1", fragment = "frag", extension = "txt", is_folder = false,
  })
  check.equal(url.build(u), "http://us%20er:pw@host.com:8080/p/a.txt;x?q=1#frag")
  check.equal(url.parse("http://[2001:db8::1]:81/").host, "2001:db8::1")
  check.equal(url.build({ scheme = "http", host = "::1", port = 80, path = "/" }),
    "http://[::1]:80/")
  check.fails(url.parse(nil))
end)

test("relative references: the examples of RFC 3986, section 5.4", function()
  local base = "http://a/b/c/d;p?q"
  for reference, wanted in pairs({
    ["g"] = "http://a/b/c/g", ["./g"] = "http://a/b/c/g", ["g/"] = "http://a/b/c/g/",
    ["/g"] = "http://a/g",
    ["//g"] = "http://g", ["?y"] = "http://a/b/c/d;p?y", ["g?y"] = "http://a/b/c/g?y",
    ["#s"] = "http://a/b/c/d;p?q#s",
    [""] = base, ["."] = "http://a/b/c/", ["./"] = "http://a/b/c/", [".."] = "http://a/b/",
    ["../g"] = "http://a/b/g",
    ["../.."] = "http://a/", ["../../g"] = "http://a/g", ["../../../g"] = "http://a/g",
    ["g:h"] = "g:h",
  }) do
    check.equal(url.absolute(base, reference), wanted, reference)
  end
end)

test("paths and queries", function()
  check.same(url.parse_path("/a/b%20c/"), { "a", "b c", is_absolute = 1, is_directory = 1 })
  check.equal(url.build_path({ "a", "b c", is_absolute = 1 }), "/a/b%20c")
  check.same(url.parse_query("a=1&b=%20x&amp;c&d==="), { a = "1", b = " x", c = "", d = "==" })
  check.equal(url.build_query({ ["a b"] = "c&d" }), "a%20b=c%26d")
  check.equal(url.unescape(url.escape("\0\xff é/")), "\0\xff é/")
end)

test("JSON is read", function()
  local ok,
    value = json.parse('{"a":[1,2.5,-3e2,true,false,null,"x\\u00e9\\n\\/\\ud83d\\ude00"],"b":{}}')
  check.truthy(ok)
  check.same(value.a[1], 1)
  check.equal(math.type(value.a[1]), "integer")
  check.equal(value.a[6], json.NULL)
  check.equal(value.a[7], "xé\n/😀")
  check.equal(json.typeof(value.a), "array")
  check.equal(json.typeof(value.b), "object")
  check.same({ json.parse(" 5 ") }, { true, 5 })
end)

test("broken JSON is refused with the place", function()
  for _, text in ipairs({ "", "{", "[1,", "[1 2]", '{"a"}', '{"a":1,}', "[01]", "[1.]", "nul",
    '"abc', '"\\x"', "[1] x", "-" }) do
    local ok, message, place = json.parse(text)
    check.equal(ok, false, text)
    check.equal(message, "syntax error")
    check.contains(place, "line 1")
  end
  check.contains(select(2, json.parse('["\\ud800"]')), "low surrogate")
  check.falsy(json.parse(("["):rep(100000)))
  check.falsy(json.parse(nil))
end)

test("JSON is written and read back", function()
  local text = json.generate({ 1, "a\"\\\n\1é\xff", true, json.NULL, { k = json.make_array({}) } })
  local _, value = json.parse(text)
  check.equal(value[2], "a\"\\\n\1Ã©ÿ")
  check.equal(json.typeof(value[5].k), "array")
  check.equal(json.generate(json.make_object({})), "{}")
  check.throws("no type", json.generate, function() end)
  check.throws("no number", json.generate, 0 / 0)
  local loop = {}
  loop[1] = loop
  check.throws("deeply", json.generate, loop)
end)

test("times are written", function()
  check.equal(datetime.format_timestamp(1700000000), "2023-11-14T22:13:20")
  check.equal(datetime.format_timestamp(1700000000, -5400), "2023-11-14T20:43:20-01:30")
  check.equal(datetime.format_timestamp({ year = 2020, month = 2, day = 29, hour = 1, min = 2,
    sec = 3 }),
    "2020-02-29T01:02:03")
  check.equal(datetime.date_to_timestamp({ year = 1970, month = 1, day = 1, hour = 0 }), 0)
  check.equal(datetime.date_to_timestamp({ year = 2000, month = 3, day = 1, hour = 0 }, 3600),
    951868800 - 3600)
  check.equal(datetime.date_to_timestamp({}), nil)
  check.equal(datetime.format_timestamp(1e300), nil)
end)

test("spans are written", function()
  for seconds, wanted in pairs({
    [0] = "0s", [65] = "1m05s", [3665] = "1h01m05s", [90065] = "1d01h01m05s", [-65] = "-1m05s",
  }) do
    check.equal(datetime.format_time(seconds), wanted)
  end
  check.equal(datetime.format_time(1500, 1000), "1.500s")
  local a = { year = 2019, month = 2, day = 26, hour = 3, min = 2, sec = 8 }
  local b = { year = 2021, month = 3, day = 1, hour = 1, min = 2, sec = 9 }
  check.equal(datetime.format_difftime(b, a), "+2y2d22h00m01s")
  check.equal(datetime.format_difftime(a, b), "-2y2d22h00m01s")
  check.equal(datetime.format_difftime(a, a), "0s")
end)

test("a clock that is off is noted with the host", function()
  local host = { registry = {} }
  datetime.record_skew(host, 1000, 900)
  datetime.record_skew(host, 1700000005)
  check.same(host.registry.datetime_skew, { 100, 5.0 })
end)

test("addresses go from text to bytes and back", function()
  for text, bytes in pairs({
    ["1.2.3.4"] = "\1\2\3\4", ["::"] = ("\0"):rep(16), ["::1"] = ("\0"):rep(15) .. "\1",
    ["2001:db8::1"] = "\x20\x01\x0d\xb8" .. ("\0"):rep(11) .. "\1",
    ["1:2:3:4:5:6:7:8"] = "\0\1\0\2\0\3\0\4\0\5\0\6\0\7\0\8",
  }) do
    check.equal(ipOps.ip_to_str(text), bytes)
    check.equal(ipOps.str_to_ip(bytes), text)
  end
  for _, bad in ipairs({ "", "x", "1.2.3.4.5", "1.2.3.400", "::1::", "1:2", "12345::",
    "1.2.3.x" }) do
    check.fails(ipOps.ip_to_str(bad))
  end
  check.equal(ipOps.expand_ip("10.1"), "10.1.0.0")
  check.equal(ipOps.expand_ip("::1"), "0:0:0:0:0:0:0:1")
  check.equal(ipOps.todword("1.2.3.4"), 16909060)
  check.equal(ipOps.fromdword(16909060), "1.2.3.4")
  check.equal(ipOps.bin_to_ip(ipOps.ip_to_bin("10.1.2.3")), "10.1.2.3")
end)

test("ranges and comparison", function()
  check.same({ ipOps.get_ips_from_range("10/8") }, { "10.0.0.0", "10.255.255.255" })
  check.same({ ipOps.get_ips_from_range("10.0.0.1 - 10.0.0.9") }, { "10.0.0.1", "10.0.0.9" })
  check.equal(ipOps.ip_in_range("10.1.2.3", "10.0.0.0/8"), true)
  check.equal(ipOps.ip_in_range("11.1.2.3", "10.0.0.0/8"), false)
  check.equal(ipOps.ip_in_range("::1", "10.0.0.0/8"), false)
  check.equal(ipOps.compare_ip("9.0.0.1", "lt", "10.0.0.1"), true)
  check.fails(ipOps.compare_ip("x", "lt", "10.0.0.1"))
  local ips = { "10.0.0.1", "9.0.0.1", "::1" }
  ipOps.ip_sort(ips)
  check.same(ips, { "9.0.0.1", "10.0.0.1", "::1" })
  check.equal(ipOps.isPrivate("192.168.1.1"), true)
  check.equal(ipOps.isPrivate("8.8.8.8"), false)
  check.equal(ipOps.cidr_to_subnet("/20"), "255.255.240.0")
  check.equal(ipOps.subnet_to_cidr("255.255.240.0"), "/20")
end)

test("UTF-8, UTF-16 and code page 437", function()
  check.equal(unicode.utf8to16("aé😀"), "a\0\xe9\0\x3d\xd8\x00\xde")
  check.equal(unicode.utf16to8("a\0\xe9\0\x3d\xd8\x00\xde"), "aé😀")
  check.equal(unicode.utf16to8("a\0b"), "a\u{fffd}")
  check.equal(unicode.utf8to16("\xff\xc3"), "\xfd\xff\xfd\xff")
  check.same(unicode.decode("\x82a", unicode.cp437_dec), { 0xe9, 0x61 })
  check.equal(unicode.encode({ 0xe9, 0x61 }, unicode.cp437_enc), "\x82a")
  check.same({ unicode.chardet("a\0b\0"), unicode.chardet("é"), unicode.chardet("a") },
    { "utf-16le", "utf-8", "ascii" })
end)

local stringaux = require "stringaux"

test("blanks around a text go, in time that grows with the text only", function()
  check.equal(stringaux.trim(" \t a b\r\n "), "a b")
  check.equal(stringaux.trim(" \n"), "")
  check.equal(stringaux.trim_end("a\0b\0\0", "%z"), "a\0b")
  local started = os.clock()
  check.equal(#stringaux.trim((" "):rep(200000) .. "x" .. (" "):rep(200000) .. "y"), 200002)
  check.truthy(os.clock() - started < 2)
end)

test("attributes of XML are read, in time that grows with the text only", function()
  local slaxml = require "slaxml"
  local root = slaxml.parseDOM([[<a b = "1" x:c='2&lt;' d="]] .. "'" .. [["/>]]).root
  check.equal(root.attr.b, "1")
  check.equal(root.attr[2].value, "2<")
  check.equal(root.attr.d, "'")
  for _, text in ipairs({ "<a " .. ("b"):rep(100000) .. ">", "<a " .. ("b=''"):rep(30000) .. ">",
    "<?a" .. (" "):rep(100000) .. "b?>" }) do
    check.quick(slaxml.parseDOM, text)
  end
end)

test("numeric entities that name no character stay as they are", function()
  local unescape = require("slaxml").parser.unescape
  check.equal(unescape("&#65;&#x42;&#x0000000043;"), "ABC")
  for _, text in ipairs({ "&#xffffffffffffffff;", "&#x10000000000000041;", "&#x110000;",
    "&#99999999999999999999;", "&#x;", "&#;", "&#x" .. ("f"):rep(400) .. ";" }) do
    check.equal(unescape(text), text)
  end
end)

test("an XML parser tells only what somebody asked for", function()
  local seen, slaxml = {}, require "slaxml"
  local parser = slaxml.parser:new()
  parser._call = { startElement = function(name)
    seen[#seen + 1] = name
  end }
  parser:parseSAX('<?xml version="1.0"?><!-- x --><a b="1">t<c/></a>')
  check.same(seen, { "a", "c" })
end)

test("names of other alphabets are mapped, encoded and read back", function()
  local idna, punycode = require "idna", require "punycode"
  check.equal(idna.toASCII("Bücher。example"), "xn--bcher-kva.example")
  check.equal(idna.toASCII("straße.de"), "strasse.de")
  check.equal(idna.toASCII("straße.de", false), "xn--strae-oqa.de")
  check.fails(idna.toASCII("xn--mañana"))
  check.equal(idna.toUnicode("xn--bcher-kva.example"), "bücher.example")
  check.same(punycode.decode_label("xn--tda"), { 0xfc })
end)

test("ranges may be short, and are of one kind of address", function()
  check.equal(ipOps.ip_in_range("2001:db8::9", "2001:db8/32"), true)
  check.fails(ipOps.ip_in_range("10.0.0.1", "10.0.0.0 - 2001:db8::1"))
  check.fails(ipOps.expand_ip("2001:db8::1", "inet4"))
  check.equal(unicode.chardet("\xe7a"), "other")
end)
