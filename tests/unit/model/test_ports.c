/* Port sets in nmap's syntax. */
#include "engine/model/ports.h"
#include "engine/model/services.h"
#include "tests/support/main.h"

#include <errno.h>
#include <string.h>

static struct services *table(void)
{
    struct services *s = NULL;
    struct err e = {0};

    if (services_load(&s, MUSTER_SOURCE_DIR "/nselib/data/services", &e) < 0)
        fail_msg("%s", e.text);
    return s;
}

static const struct {
    const char *in;
    unsigned protocols;
    const char *want;
} good[] = {
    {"22", 1, "22"},
    {"22,80,8000-8002", 1, "22,80,8000-8002"},
    {"80,22,81,79", 1, "22,79-81"},
    {"T:1-3,U:53", 1, "T:1-3,U:53"},
    {"U:53,111,T:21-25", 1, "T:21-25,U:53,111"},
    {"53", 3, "T:53,U:53"},
    {"53", 2, "U:53"},
    {"-", 1, "1-65535"},
    {"-3", 1, "1-3"},
    {"65530-", 1, "65530-65535"},
    {"0", 1, "0"},
    {"0-", 1, "0-65535"},
    {"ssh", 1, "22"},
    {"SSH,https", 1, "22,443"},
    {"pop3*", 1, "110,995"},
    {"[-7]", 1, "1-3,5,7"},
    {"[20-23]", 1, "20-23"},
    {"80, 443", 1, "80,443"},
    {" U:53 ,\t111 ", 3, "U:53,111"},
};

static void what_nmap_reads_is_read(void **state)
{
    struct services *s = table();

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct port_set set;
        struct buf out = {0};
        struct err e = {0};

        if (port_set_parse(&set, good[i].in, good[i].protocols, s, &e) < 0)
            fail_msg("%s: %s", good[i].in, e.text);
        port_set_format(&out, &set);
        assert_string_equal(out.data, good[i].want);
        buf_done(&out);
    }
    services_free(s);
}

static const struct {
    const char *in, *want; /* a part of the message */
} bad[] = {
    {"", "a part is empty"},
    {"22,", "a part is empty"},
    {"65536", "port '65536': ports are numbers up to 65535"},
    {"1-65536", "port '1-65536': ports are numbers up to 65535"},
    {"99999999999999999999", "port '99999999999999999999'"},
    {"30-20", "port '30-20': expected the lower port of a range first"},
    {"22 80", "port '80': expected a comma in front"},
    {"22, ,80", "a part is empty"},
    {"[9-8]", "expected a range"},
    {"22x", "port '22x'"},
    {"1-2-3", "port '1-2-3'"},
    {"S:22", "expected T: (TCP) or U: (UDP)"},
    {"no-such-service", "no service of this name"},
    {"[1-10", "expected ']'"},
    {"[x]", "expected a range"},
    {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "longer"},
};

static void what_is_wrong_is_named(void **state)
{
    struct services *s = table();

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct port_set set = {.tcp = {7}};
        struct err e = {0};

        assert_int_equal(port_set_parse(&set, bad[i].in, 1, s, &e), -EINVAL);
        if (!strstr(e.text, bad[i].want))
            fail_msg("'%s' gives: %s", bad[i].in, e.text);
        assert_int_equal(set.tcp[0], 7);
    }
    services_free(s);
}

static void names_need_a_table(void **state)
{
    struct port_set set;
    struct err e = {0};

    (void)state;
    assert_int_equal(port_set_parse(&set, "ssh", 1, NULL, &e), -EINVAL);
    assert_int_equal(port_set_parse(&set, "[1-9]", 1, NULL, &e), -EINVAL);
}

static void a_set_lists_and_counts_its_ports_in_order(void **state)
{
    struct port_set set = {0};
    uint16_t list[65536];

    (void)state;
    port_set_add(&set, PROTOCOL_TCP, 65535);
    port_set_add(&set, PROTOCOL_TCP, 0);
    port_set_add(&set, PROTOCOL_UDP, 53);
    assert_int_equal(port_set_list(&set, PROTOCOL_TCP, list), 2);
    assert_int_equal(list[0], 0);
    assert_int_equal(list[1], 65535);
    assert_int_equal(port_set_count(&set, PROTOCOL_UDP), 1);
    assert_true(port_set_has(&set, PROTOCOL_UDP, 53));
    assert_false(port_set_has(&set, PROTOCOL_SCTP, 53));
}

static const struct CMUnitTest ports[] = {
    cmocka_unit_test(what_nmap_reads_is_read),
    cmocka_unit_test(what_is_wrong_is_named),
    cmocka_unit_test(names_need_a_table),
    cmocka_unit_test(a_set_lists_and_counts_its_ports_in_order),
};

TEST_MAIN(ports)
