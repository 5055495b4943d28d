/* Module openssl as scripts see it.  Values of digests and ciphers are published test vectors (RFC
 * 1320, 1321, 2202, FIPS 180, RIPEMD-160) or were observed. */
#include "bind_support.h"

static int open_state(void **state)
{
    static struct bind_state s;

    bind_open(&s, NULL);
    bind_module(&s, "openssl", luaopen_openssl);
    bind_run(
        &s, "helpers",
        "function hex(s) return (s:gsub('.', function(c) return ('%02x'):format(c:byte()) end)) "
        "end\n"
        "function raises(want, f, ...)\n"
        "  local ok, why = pcall(f, ...)\n"
        "  if ok or why ~= want then error(('expected %q, got %s %q'):format(want, ok, "
        "tostring(why)), 2) end\n"
        "end\n"
        "function same(a, b) if a ~= b then error(('%q is not %q'):format(a, b), 2) end end\n");
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
    {"digests have their published values",
     "same(hex(openssl.md4('abc')), 'a448017aaf21d8525fc10ae87aa6729d')\n"
     "same(hex(openssl.md5('abc')), '900150983cd24fb0d6963f7d28e17f72')\n"
     "same(hex(openssl.sha1('abc')), 'a9993e364706816aba3e25717850c26c9cd0d89d')\n"
     "same(hex(openssl.ripemd160('abc')), '8eb208f7e05d987a9b044a8e98c6b087f15a0bfc')\n"
     "same(hex(openssl.md5('')), 'd41d8cd98f00b204e9800998ecf8427e')\n"
     "same(openssl.md5(12), openssl.md5('12'))\n"},
    {"digest() takes any name in any case",
     "local want = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'\n"
     "for _, n in ipairs{'sha256', 'SHA256', 'SHA2-256', 'RSA-SHA256'} do "
     "same(hex(openssl.digest(n, 'abc')), want) end\n"
     "same(hex(openssl.digest('shake128', 'abc')), '5881092dd818bf5cf8a3ddb793fbcba7')\n"},
    {"an unknown digest is named",
     "raises('Unknown digest algorithm: nope', openssl.digest, 'nope', 'abc')\n"
     "raises('Unknown digest algorithm: x', openssl.hmac, 'x', 'k', 'abc')\n"},
    {"hmac has its published values",
     "same(hex(openssl.hmac('md5', ('\\x0b'):rep(16), 'Hi There')), "
     "'9294727a3638bb1c13f48ef8158bfc9d')\n"
     "same(hex(openssl.hmac('SHA1', 'Jefe', 'what do ya want for nothing?')),"
     " 'effcdf6ae5eb2fa2d27416d5f184df9c259a7c79')\n"
     "same(hex(openssl.hmac('md5', '', 'abc')), 'dd2701993d29fdd0b032c233cec63403')\n"
     /* of the legacy provider, observed on nmap 7.93 */
     "same(hex(openssl.hmac('md4', 'key', 'abc')), '32c43d6d6eda7f1e464711473b956b68')\n"},
    {"DES_string_to_key spreads seven bytes over eight",
     "same(hex(openssl.DES_string_to_key('1234567')), '30988c6642a8d86e')\n"
     "raises('String must have length of 7 bytes.', openssl.DES_string_to_key, '123')\n"},
    {"encrypt gives the observed bytes",
     "local k, d = ('k'):rep(16), '0123456789abcdef'\n"
     "same(hex(openssl.encrypt('aes-128-cbc', k, ('i'):rep(16), d)), "
     "'03d4d02b6990b9e4397391e5e00acfa3')\n"
     "same(hex(openssl.encrypt('aes-128-cbc', k, ('i'):rep(16), d, true)),"
     " '03d4d02b6990b9e4397391e5e00acfa3a193f821c54fd4c97d19eba46b46a95e')\n"
     "same(hex(openssl.encrypt('AES-128-CBC', k, nil, d)), '7ccee65cdb522ece8bf3266d9adaa06a')\n"
     "same(hex(openssl.encrypt('AES-128-CBC', k, '', d)), '7ccee65cdb522ece8bf3266d9adaa06a')\n"
     "same(hex(openssl.encrypt('aes-128-gcm', k, ('i'):rep(12), '0123456789')), "
     "'2dd514382888d773234e')\n"
     "same(hex(openssl.encrypt('aes-128-ccm', k, ('i'):rep(7), '0123456789')), "
     "'138677425c5915835b63')\n"
     "same(openssl.encrypt('aes-128-cbc', k, '', ''), '')\n"},
    {"ciphers of the legacy provider are there",
     "same(hex(openssl.encrypt('DES', ('k'):rep(8), '', '12345678')), '293cee769dd4599f')\n"
     "same(hex(openssl.encrypt('des-ecb', ('k'):rep(8), '', '12345678')), '293cee769dd4599f')\n"
     "same(hex(openssl.encrypt('rc4', ('k'):rep(5), '', '12345678')), '5ed09365f2f991b6')\n"
     "same(hex(openssl.encrypt('cast5-cbc', ('k'):rep(16), '', '12345678')), 'f02e21d583dae00d')\n"
     "same(hex(openssl.encrypt('bf-cbc', ('k'):rep(7), '', '12345678')), '484751940fcc5eca')\n"},
    {"decrypt undoes encrypt",
     "for _, c in ipairs{{'aes-192-cbc', 24, 16}, {'DES-CBC', 8, 8}, {'rc4', 16, 0}, "
     "{'aes-128-ecb', 16, 0}} do\n"
     "  local k, iv = ('k'):rep(c[2]), ('v'):rep(c[3])\n"
     "  for len = 0, 40 do\n"
     "    local d = ('x'):rep(len)\n"
     "    same(openssl.decrypt(c[1], k, iv, openssl.encrypt(c[1], k, iv, d, true), true), d)\n"
     "  end\n"
     "end\n"
     "same(hex(openssl.decrypt('aes-128-cbc', ('k'):rep(16), ('i'):rep(16), ('x'):rep(16))),"
     " 'd39efd22551cda8f1f59694ff80f53e8')\n"},
    {"wrong arguments of ciphers are told as nmap tells them",
     "local k, iv = ('k'):rep(16), ('i'):rep(16)\n"
     "raises('Unknown cipher algorithm: nope', openssl.encrypt, 'nope', 'k', '', 'x')\n"
     "raises('Length of iv is 3; should be 16', openssl.encrypt, 'aes-128-cbc', k, 'iii', 'x')\n"
     "raises('Length of iv is 8; should be 0', openssl.encrypt, 'des-ecb', ('k'):rep(8), "
     "'12345678', 'x')\n"
     "raises('OpenSSL error: error:03000082:digital envelope routines::invalid key length',"
     " openssl.encrypt, 'aes-128-cbc', 'kkk', '', 'x')\n"
     "raises('OpenSSL error: error:1C80006B:Provider routines::wrong final block length',"
     " openssl.encrypt, 'aes-128-cbc', k, iv, 'partial')\n"
     "raises('OpenSSL error: error:1C800064:Provider routines::bad decrypt',"
     " openssl.decrypt, 'aes-128-cbc', k, iv, ('x'):rep(16), true)\n"},
    {"random bytes have the wanted length",
     "for _, n in ipairs{0, 1, 5, 1000} do same(#openssl.rand_bytes(n), n) "
     "same(#openssl.rand_pseudo_bytes(n), n) end\n"
     "assert(openssl.rand_bytes(16) ~= openssl.rand_bytes(16))\n"
     "assert(not pcall(openssl.rand_bytes, -1))\n"},
    {"the lists of algorithms are sorted and usable",
     "local d, c = openssl.supported_digests(), openssl.supported_ciphers()\n"
     "same(d[1], 'RSA-MD4') assert(#d > 40 and #c > 100)\n"
     "for _, t in ipairs{d, c} do for i = 2, #t do assert(t[i - 1] < t[i]) end end\n"
     "for _, n in ipairs{'md4', 'md5', 'sha1', 'ripemd160'} do assert(pcall(openssl.digest, n, "
     "'')) end\n"},
    {"numbers are read and written in three forms",
     "local a = openssl.bignum_hex2bn('ff')\n"
     "same(tostring(a), 'FF') same(a:todec(), '255') same(a:tohex(), 'FF') same(a:tobin(), "
     "'\\xff')\n"
     "same(a:num_bits(), 8) same(a:num_bytes(), 1) same(a:tompi(), '\\0\\0\\0\\2\\0\\xff')\n"
     "same(openssl.bignum_bn2dec(openssl.bignum_bin2bn('\\1\\0')), '256')\n"
     "same(openssl.bignum_bn2hex(openssl.bignum_dec2bn('-5')), '-05')\n"
     "same(openssl.bignum_bn2bin(openssl.bignum_dec2bn('-5')), '\\5')\n"
     "same(tostring(openssl.bignum_hex2bn('abc')), '0ABC')\n"
     "for _, t in ipairs{'zz', ''} do same(tostring(openssl.bignum_hex2bn(t)), '0') end\n"
     "same(openssl.bignum_bn2dec(openssl.bignum_dec2bn('12z')), '12')\n"
     "same(openssl.bignum_bn2bin(openssl.bignum_bin2bn('')), '')\n"},
    {"numbers are added, divided and raised to powers",
     "local dec, hex = openssl.bignum_dec2bn, openssl.bignum_hex2bn\n"
     "local a, b, zero = hex('ff'), dec('10'), dec('0')\n"
     "same(tostring(openssl.bignum_add(a, b)), '0109')\n"
     "local q, r = openssl.bignum_div(a, b) same(q:todec(), '25') same(r:todec(), '5')\n"
     "q, r = openssl.bignum_div(a, zero) same(q:todec(), '0') same(r:todec(), '0')\n"
     "same(openssl.bignum_mod_exp(a, b, dec('7')):todec(), '4')\n"
     "same(openssl.bignum_mod_exp(a, b, zero):todec(), '0')\n"},
    {"bits are set, cleared and asked for",
     "local n = openssl.bignum_dec2bn('1')\n"
     "same(select('#', n:set_bit(4)), 0) same(tostring(n), '11')\n"
     "n:clear_bit(0) same(tostring(n), '10') n:clear_bit(400) n:set_bit(-1) same(tostring(n), "
     "'10')\n"
     "same(n:is_bit_set(4), true) same(n:is_bit_set(3), false) same(n:is_bit_set(-1), false)\n"
     "same(openssl.bignum_is_bit_set(n, 100000), false) same(openssl.bignum_num_bits(n), 5)\n"},
    {"primes are told from others",
     "local dec = openssl.bignum_dec2bn\n"
     "for n, want in pairs{[7] = 'true true', [13] = 'false true', [8] = 'false false', [23] = "
     "'true true',\n"
     "                     [561] = 'false false', [1] = 'false false'} do\n"
     "  local safe, prime = dec(tostring(n)):is_safe_prime()\n"
     "  same(tostring(safe) .. ' ' .. tostring(prime), want)\n"
     "  same(openssl.bignum_is_prime(dec(tostring(n))), prime)\n"
     "end\n"
     "local p = "
     "openssl.bignum_hex2bn('"
     "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B"
     "22514A08798E3404DDEF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A63"
     "A3620FFFFFFFFFFFFF"
     "FFF')\n" /* the 768 bit group of RFC 2409, 6.1 */
     "local safe, prime = p:is_safe_prime() same(safe, true) same(prime, true)\n"
     "p:set_bit(1) p:clear_bit(0) same(p:is_prime(), false)\n"},
    {"random numbers keep within their bits",
     "for _, bits in ipairs{0, 1, 64, 1000} do\n"
     "  assert(openssl.bignum_rand(bits):num_bits() <= bits)\n"
     "  assert(openssl.bignum_pseudo_rand(bits):num_bits() <= bits)\n"
     "end\n"
     "same(tostring(openssl.bignum_rand(-1)), '0')\n"},
    {"what takes too long is refused",
     "local big = openssl.bignum_hex2bn(('f'):rep(5000))\n"
     "assert(not pcall(openssl.bignum_mod_exp, big, big, big))\n"
     "assert(not pcall(openssl.bignum_is_prime, big))\n"
     "assert(not pcall(openssl.bignum_dec2bn, ('9'):rep(1000000)))\n"
     "assert(not pcall(openssl.bignum_rand, 1 << 40))\n"},
    {"a wrong type is refused with the name of the right one",
     "raises(\"bad argument #1 to 'openssl.bignum_add' (BIGNUM expected, got number)\", "
     "openssl.bignum_add, 1, 2)\n"
     "local n = openssl.bignum_dec2bn('1') local mt = getmetatable(n)\n"
     "mt.__gc(n) assert(not pcall(n.todec, n)) mt.__gc(n)\n"
     "assert(not pcall(mt.__gc, io.stdout)) assert(not pcall(mt.__tostring, {}))\n"},
};

static void scripts_get_what_they_know(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        bind_run(*state, cases[i].name, cases[i].text);
}

static void no_memory_is_an_error_in_the_script(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (!strstr(cases[i].text, "pcall") && !strstr(cases[i].text, "raises"))
            bind_run_starved(*state, cases[i].name, cases[i].text);
}

static int open_protected(lua_State *L)
{
    static const struct binding_env env;

    bindings_init(L, &env);
    luaL_requiref(L, "openssl", luaopen_openssl, 1);
    return 0;
}

static void no_memory_while_opening_leaks_nothing(void **state)
{
    int r = LUA_ERRMEM;

    (void)state;
    for (long n = 1; r != LUA_OK; n++) {
        struct bind_state s = {0};

        s.L = lua_newstate(bind_alloc, &s);
        assert_non_null(s.L);
        s.allocations = 0;
        s.fail_from = n;
        lua_pushcfunction(s.L, open_protected);
        r = lua_pcall(s.L, 0, 0, 0);
        s.fail_from = 0;
        bind_close(&s);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(scripts_get_what_they_know, open_state, close_state),
    cmocka_unit_test_setup_teardown(no_memory_is_an_error_in_the_script, open_state, close_state),
    cmocka_unit_test(no_memory_while_opening_leaks_nothing),
};

TEST_MAIN(tests)
