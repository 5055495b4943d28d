/* Certificates as scripts see them.  The certificates are the seeds of the fuzz target
 * (tests/fuzz/corpus/cert); what is expected was observed with nmap 7.93. */
#include "bind_support.h"

static int l_read(lua_State *L)
{
    const char *path = lua_pushfstring(L, "%s/tests/fuzz/corpus/cert/%s.der", MUSTER_SOURCE_DIR,
                                       luaL_checkstring(L, 1));
    FILE *f = fopen(path, "rb");
    char data[4096];
    size_t n;

    if (!f)
        return luaL_error(L, "cannot open %s", path);
    n = fread(data, 1, sizeof data, f);
    fclose(f);
    lua_pushlstring(L, data, n);
    return 1;
}

static int open_state(void **state)
{
    static struct bind_state s;

    bind_open(&s, NULL);
    l_socket_open(s.L);
    lua_getfield(s.L, -1, "parse_ssl_certificate");
    lua_setglobal(s.L, "parse");
    lua_pop(s.L, 1);
    lua_register(s.L, "read", l_read);
    bind_run(&s, "helpers",
             "function same(a, b) if a ~= b then error(('%q is not %q'):format(tostring(a), "
             "tostring(b)), 2) end end\n"
             "function time(t)\n"
             "  return ('%04d-%02d-%02d %02d:%02d:%02d'):format(t.year, t.month, t.day, t.hour, "
             "t.min, t.sec)\n"
             "end\n");
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
    {"an RSA certificate",
     "local c = parse(read 'rsa')\n"
     "same(c.subject.commonName, 'www.example.com') same(c.issuer.organizationName, 'Second')\n"
     "same(c.subject.countryName, 'DE') same(c.subject.emailAddress, 'a@example.com')\n"
     "same(c.pubkey.type, 'rsa') same(c.pubkey.bits, 2048) same(tostring(c.pubkey.exponent), "
     "'010001')\n"
     "same(c.pubkey.modulus:num_bits(), 2048) same(c.sig_algorithm, 'sha256WithRSAEncryption')\n"
     "same(math.type(c.validity.notAfter.year), 'integer')\n"
     "same(time(c.validity.notBefore), '2026-11-22 20:29:03') same(time(c.validity.notAfter), "
     "'2036-11-19 20:29:03')\n"
     "same(c.validity.notBefore.wday, nil)\n"
     "same(c.pem:sub(1, 28), '-----BEGIN CERTIFICATE-----\\n') same(c.pem:sub(-26), '-----END "
     "CERTIFICATE-----\\n')\n"
     "same(#c.pem, 1480)\n"},
    {"extensions",
     "local e = parse(read 'rsa').extensions\n"
     "same(#e, 6)\n"
     "same(e[3].name, 'X509v3 Basic Constraints') same(e[3].value, 'CA:TRUE') same(e[3].critical, "
     "true)\n"
     "same(e[4].name, 'X509v3 Subject Alternative Name') same(e[4].critical, nil)\n"
     "same(e[4].value, 'DNS:www.example.com, IP Address:127.0.0.1, email:x@y')\n"
     "same(e[5].name, '1.2.3.4.5') same(e[5].error, true) same(e[5].value, nil)\n"
     "e = parse(read 'odd').extensions\n"
     "same(e[3].name, 'X509v3 Key Usage') same(e[3].error, true) same(e[3].critical, true)\n"
     "same(parse(read 'bare').extensions, nil)\n"},
    {"elliptic curves", "local c = parse(read 'ec')\n"
                        "same(c.pubkey.type, 'ec') same(c.pubkey.bits, 256) same(c.sig_algorithm, "
                        "'ecdsa-with-SHA256')\n"
                        "same(c.pubkey.ecdhparams.curve_params.curve, 'prime256v1')\n"
                        "same(c.pubkey.ecdhparams.curve_params.ec_curve_type, 'namedcurve') "
                        "same(c.pubkey.modulus, nil)\n"
                        "c = parse(read 'ecx')\n"
                        "same(c.pubkey.ecdhparams.curve_params.curve, 'secp384r1')\n"},
    {"other keys", "local c = parse(read 'ed') same(c.pubkey.type, 'unknown') same(c.pubkey.bits, "
                   "256) same(c.sig_algorithm, 'ED25519')\n"
                   "c = parse(read 'dsa') same(c.pubkey.type, 'dsa') same(c.pubkey.bits, 2048)\n"},
    {"names that nobody knows have a table of numbers as key; of repeated ones the last counts",
     "local c, found = parse(read 'odd'), nil\n"
     "for k, v in pairs(c.subject) do if type(k) == 'table' then found = table.concat(k, '|') .. "
     "'=' .. v end end\n"
     "same(found, '1|2|3|4|6=foo') same(c.subject.organizationName, 'Last') "
     "same(c.subject.commonName, 'odd\\nname')\n"},
    {"a time that is none stays as it came",
     "local v = parse(read 'badtime').validity\n"
     "same(v.notBefore, 'xxyyzz202903Z') same(type(v.notAfter), 'table')\n"},
    {"a key that cannot be read", "local c, why = parse(read 'badkey')\n"
                                  "same(c, nil) assert(why:find('^Error parsing cert: error:'))\n"},
    {"digests",
     "local c = parse(read 'rsa')\n"
     "same(#c:digest('sha1'), 20) same(#c:digest('md5'), 16) same(#c.digest(c, 'SHA256'), 32)\n"
     "same(select('#', c:digest('nope')), 0)\n"},
    {"what is none",
     "same(parse(''), nil) same(parse('junk'), nil) same(parse((read 'rsa'):sub(1, 500)), nil)\n"
     "local c = parse(read 'rsa') same(c.nonsense, nil) same(c[1], nil)\n"
     "same(tostring(c):match('^SSL_CERT: '), 'SSL_CERT: ')\n"},
    {"misuse",
     "local c = parse(read 'rsa')\n"
     "assert(not pcall(function() c.x = 1 end)) assert(not pcall(c.digest, 5, 'md5'))\n"
     "assert(not pcall(c.digest, c)) assert(not pcall(parse))\n"
     "local gc = getmetatable(c).__gc gc(c) gc(c) same(select('#', c:digest('md5')), 0)\n"},
};

static void certificates_read_as_tables(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        bind_run(*state, cases[i].name, cases[i].text);
}

static void no_memory_is_an_error_in_the_script(void **state)
{
    bind_run_starved(*state, "rsa", "parse(read 'rsa'):digest('sha1')");
    bind_run_starved(*state, "odd", "parse(read 'odd')");
    bind_run_starved(*state, "badkey", "parse(read 'badkey')");
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(certificates_read_as_tables, open_state, close_state),
    cmocka_unit_test_setup_teardown(no_memory_is_an_error_in_the_script, open_state, close_state),
};

TEST_MAIN(tests)
