/* Module zlib as scripts see it: values and error texts were observed with nmap 7.93. */
#include "bind_support.h"

static int open_state(void **state)
{
    static struct bind_state s;

    bind_open(&s, NULL);
    bind_module(&s, "zlib", luaopen_zlib);
    bind_run(&s, "helpers",
             "function hex(s) return (s:gsub('.', function(c) return ('%02x'):format(c:byte()) "
             "end)) end\n"
             "function same(...)\n"
             "  local t = table.pack(...) local half = t.n // 2 assert(t.n % 2 == 0)\n"
             "  for i = 1, half do if t[i] ~= t[half + i] or math.type(t[i]) ~= math.type(t[half + "
             "i]) then\n"
             "    error(('value %d: %q is not %q'):format(i, tostring(t[i]), tostring(t[half + "
             "i])), 2) end end\n"
             "end\n"
             "function raises(want, f, ...)\n"
             "  local ok, why = pcall(f, ...)\n"
             "  if ok or not tostring(why):find(want, 1, true) then error(('expected %q, got "
             "%q'):format(want, tostring(why)), 2) end\n"
             "end\n"
             "function sink() local t = {} return function(s) t[#t + 1] = s end, function() return "
             "table.concat(t) end end\n");
    *state = &s;
    return 0;
}

static int close_state(void **state)
{
    bind_close(*state);
    return 0;
}

static const struct {
    const char *name, *text;
} cases[] = {
    {"compress", "local c, code = zlib.compress('hello hello hello')\n"
                 "same(hex(c), code, '789ccb48cdc9c957c84090003a2e067d', 1.0)\n"
                 "same(hex((zlib.compress('hello hello hello', 9, nil, 31))), "
                 "'1f8b0800000000000203cb48cdc9c957c84090008088f9e511000000')\n"
                 "same(hex((zlib.compress('hello', nil, nil, -15))), 'cb48cdc9c90700') "
                 "same(hex((zlib.compress(''))), '789c030000000001')\n"
                 "same(hex((zlib.compress(5))), '789c33050000360036')\n"
                 "local a, b = zlib.compress('x', 99) same(a, b, nil, -2.0)\n"
                 "local long = ('abcdefgh'):rep(100000) "
                 "same(zlib.decompress((zlib.compress(long))) == long, true)\n"},
    {"decompress", "local c = zlib.compress('hello hello hello')\n"
                   "same(zlib.decompress(c), zlib.decompress(c .. 'xxx'), 'hello hello hello', "
                   "'hello hello hello')\n"
                   "same(zlib.decompress(zlib.compress('hello', nil, nil, -15), -15), 'hello')\n"
                   "local gz = zlib.compress('hello', 9, nil, 31)\n"
                   "same(zlib.decompress(gz, 31), zlib.decompress(gz, 47), 'hello', 'hello')\n"},
    {"decompress refuses",
     "local c = zlib.compress('hello hello hello')\n"
     "raises('failed to process zlib stream', zlib.decompress, 'junkjunk')\n"
     "raises('failed to process zlib stream', zlib.decompress, (zlib.compress('hello', 9, nil, "
     "31)))\n"
     "raises('failed to process zlib stream', zlib.decompress, c:sub(1, 8))\n" /* nmap's hangs here
                                                                                */
     "raises('failed to process zlib stream', zlib.decompress, '')\n"
     "raises('failed to initialize zstream structures', zlib.decompress, c, 99)\n"
     "raises('(string expected, got no value)', zlib.compress)\n"},
    {"decompress has a limit",
     "local bomb = zlib.compress(('\\0'):rep(20 << 20))\n"
     "raises('failed to process zlib stream', zlib.decompress, bomb)\n"
     "same(#zlib.decompress(bomb, nil, 20 << 20), 20 << 20)\n"
     "raises('failed to process zlib stream', zlib.decompress, bomb, nil, (20 << 20) - 1)\n"},
    {"checksums are floats",
     "same(zlib.adler32(), zlib.adler32(1, 'abc'), 1.0, 38600999.0)\n"
     "same(zlib.crc32(), zlib.crc32(0, 'abc'), 0.0, 891568578.0)\n"
     "raises('(number expected, got string)', zlib.crc32, 'abc')\n"
     "raises(\"bad argument #2 to 'zlib.crc32' (string expected, got no value)\", zlib.crc32, 0)\n"
     "same(zlib.version(), zlib._VERSION) same(zlib.GZIP_WINDOWBITS, zlib.RAW_WINDOWBITS, 16, "
     "-1)\n"},
    {"a stream writes to its sink",
     "local f, all = sink()\n"
     "local st = zlib.deflate(f)\n"
     "same(tostring(st):match('^zlib deflate stream %('), 'zlib deflate stream (')\n"
     "same(st:write('hello ', 'hello', 5), st:adler(), true, 504300670.0)\n"
     "same(st:flush('sync'), hex(all()), true, '789cca48cdc9c957c80091a600000000ffff')\n"
     "same(st:flush('finish'), hex(all()), true, "
     "'789cca48cdc9c957c80091a600000000ffff03001e0f047e')\n"
     "raises('attempt to use invalid zlib stream', st.write, st, 'more')\n"
     "same(st:close(), st:close(), tostring(st), true, true, 'zlib stream (closed)')\n"
     "raises('attempt to use invalid zlib stream', st.adler, st)\n"
     "raises(\"(invalid option 'bogus')\", function() zlib.deflate(print):flush('bogus') end)\n"
     "f, all = sink() st = zlib.deflate(f, 9, nil, 31) st:write('gz') st:close()\n"
     "same(hex(all()), '1f8b08000000000002034baf0200bd77b5db02000000')\n"
     "local t = {} st = zlib.deflate({write = function(self, d) t[#t + 1] = d end}) st:write('x') "
     "st:close()\n"
     "same(zlib.decompress(table.concat(t)), 'x')\n"},
    {"what is no sink",
     "raises('(output parameter must be a function, table or userdata value)', zlib.deflate)\n"
     "raises('(output parameter must be a function, table or userdata value)', zlib.deflate, 5)\n"
     "raises('(output parameter does not provide :write function)', zlib.deflate, {})\n"
     "raises('call to deflateInit2 failed', zlib.deflate, print, nil, 99)\n"
     "raises('(number expected, got string)', zlib.deflate, print, 'x')\n"},
    {"a sink that fails ends its stream",
     "local st = zlib.deflate(function() error('boom') end)\n"
     "raises('boom', function() st:write('x') st:flush() end)\n"
     "raises('attempt to use invalid zlib stream', st.flush, st)\n"
     "same(st:close(), true)\n"
     "st = zlib.deflate(function() st:write('again') end)\n" /* nor can it write to it */
     "raises('attempt to use invalid zlib stream', function() st:write('x') st:flush() end)\n"
     "st = zlib.deflate(function() st:close() end) st:write(('xyz'):rep(100000)) pcall(st.flush, "
     "st)\n"},
    {"a dictionary",
     "local f, all = sink() local st = zlib.deflate(f, nil, nil, nil, nil, nil, 'hello') "
     "st:write('hello hello') st:close()\n"
     "same(zlib.inflate(all(), nil, 'hello'):read('*a'), 'hello hello')\n"
     "raises('no inflate dictionary provided', function() zlib.inflate(all()):read('*a') end)\n"
     "raises('call to inflateSetDictionnary failed', function() zlib.inflate(all(), nil, "
     "'nope'):read('*a') end)\n"},
    {"a stream is read in pieces",
     "local c = zlib.compress('line1\\nline2\\r\\nlast')\n"
     "local st = zlib.inflate(c)\n"
     "same(st:read(), st:read('*l'), st:read(2), st:read(0), st:read('*a'), 'line1', 'line2', "
     "'la', '', 'st')\n"
     "same(st:read('*a'), st:read(), st:read(0), st:read(5), '', nil, nil, nil)\n"
     "same(st:adler(), st:close(), st:close(), 847840649.0, true, true)\n"
     "raises('attempt to use invalid zlib stream', st.read, st)\n"
     "st = zlib.inflate(c)\n"
     "same(4, 'lin', 'e1', 'line2\\r\\nlast', nil, select('#', st:read(3, '*l', '*a', 1)), "
     "zlib.inflate(c):read(3, '*l', '*a', 1))\n"
     "local got = {} for l in zlib.inflate(c):lines() do got[#got + 1] = l end "
     "same(table.concat(got, '|'), 'line1|line2|last')\n"
     "same(zlib.inflate(c):read(-1), 'line1\\nline2\\r\\nlast')\n"
     "raises('(invalid option)', st.read, zlib.inflate(c), 'a') raises('(invalid format)', "
     "st.read, zlib.inflate(c), '*x')\n"
     "raises('attempt to use invalid zlib stream', st.write, zlib.inflate(c), 'x')\n"
     "local long = ('0123456789\\n'):rep(10000) st = zlib.inflate((zlib.compress(long)))\n"
     "local n = 0 for l in st:lines() do assert(l == '0123456789') n = n + 1 end same(n, 10000)\n"},
    {"sources",
     "local text = ('some text, '):rep(3) local c = zlib.compress(text)\n"
     "local function bytewise() local i = 0 return function() i = i + 1 if i <= #c then return "
     "c:sub(i, i) end end end\n"
     "same(zlib.inflate(bytewise()):read('*a'), text)\n"
     "local hint same(zlib.inflate(function(n) hint = n end):read('*a'), '') same(hint, 8192)\n"
     "same(zlib.inflate(''):read('*a'), zlib.inflate(function() return 5 end):read('*a'), '', '')\n"
     "local next_byte = bytewise() same(zlib.inflate({read = function() return next_byte() "
     "end}):read('*a'), text)\n"
     "same(zlib.inflate(c .. 'trailing'):read('*a'), text)\n"
     "same(#zlib.inflate(c:sub(1, 10)):read('*a') < #text, true)\n"
     "same(zlib.inflate((zlib.compress('gz', 9, nil, 31))):read('*a'), 'gz')\n"
     "same(zlib.inflate((zlib.compress('raw', 9, nil, -15)), -15):read('*a'), 'raw')\n"
     "raises('boom', function() zlib.inflate(function() error 'boom' end):read() end)\n"
     "raises('closed by its source', function() local st st = zlib.inflate(function() st:close() "
     "return c end) st:read() end)\n"},
    {"a source with peek keeps what follows",
     "local data, at, log = (zlib.compress('abc')) .. 'after', 1, {}\n"
     "local source = {peek = function(_, n) log[#log + 1] = 'peek ' .. n return data:sub(at, at + "
     "n - 1) end,\n"
     "                read = function(_, n) log[#log + 1] = 'read ' .. n at = at + n end}\n"
     "same(zlib.inflate(source):read('*a'), 'abc') same(data:sub(at), table.concat(log, ','), "
     "'after', 'peek 8192,read 11')\n"},
    {"what is no source, or not compressed",
     "local st = zlib.inflate('junkjunk') raises('failed to decompress [-3]', st.read, st, '*a')\n"
     "raises('attempt to use invalid zlib stream', st.read, st, 5)\n"
     "raises('(input parameter must be a string, function, table or userdata value)', "
     "zlib.inflate)\n"
     "raises('(input parameter does not provide :read function)', zlib.inflate, {})\n"
     "raises('call to inflateInit2 failed', zlib.inflate, 'x', 99)\n"
     "same(type(zlib.inflate(5)), 'userdata')\n"},
    {"a stream has a limit",
     "local bomb = zlib.compress(('\\0'):rep(70 << 20))\n"
     "raises('inflates to more than 64 MiB', function() zlib.inflate(bomb):read('*a') end)\n"},
};

static void scripts_get_what_they_know(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        bind_run(*state, cases[i].name, cases[i].text);
}

static void no_memory_is_an_error_in_the_script(void **state)
{
    bind_run_starved(*state, "strings",
                     "assert(zlib.decompress((assert(zlib.compress('hello')))) == 'hello')");
    bind_run_starved(
        *state, "streams",
        "local f, all = sink() local st = zlib.deflate(f) st:write('a\\nb') st:close()\n"
        "st = zlib.inflate(all()) assert(st:read() == 'a') assert(st:read('*a') == 'b')\n");
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(scripts_get_what_they_know, open_state, close_state),
    cmocka_unit_test_setup_teardown(no_memory_is_an_error_in_the_script, open_state, close_state),
};

TEST_MAIN(tests)
