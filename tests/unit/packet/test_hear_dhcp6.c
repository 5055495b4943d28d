/* DHCPv6. */
#include "engine/packet/hear_dhcp6.h"
#include "tests/unit/packet/test_hear_support.h"

static const struct hear_case cases[] = {
    {"solicit",
     "01abcdef0001000a00030001020000000005000600060017001800270010000e00000137"
     "00084d53465420352e300027000800066c6170746f700003000c00000001000000000000"
     "0000",
     0, "name=laptop class=311:MSFT 5.0 id=00:03:00:01:02:00:00:00:00:05 params=23,24,39"},
    {"request",
     "03abcdef0001000a00030001020000000005000300280000000100000000000000000005"
     "001820010db800000000000000000000007700000e1000001c20",
     0, "wants=2001:db8::77 id=00:03:00:01:02:00:00:00:00:05"},
    {"renew",
     "05abcdef0001000a00030001020000000005000300280000000100000000000000000005"
     "001820010db800000000000000000000007700000e1000001c20",
     0, "addr=2001:db8::77 id=00:03:00:01:02:00:00:00:00:05"},
    {"qualified name", "01abcdef0027001200036e6173076578616d706c65036f726700", 0,
     "name=nas.example.org"},
    {"reply tells of the server",
     "07abcdef0001000a000300010200000000090002000a0003000102000000000500030028"
     "0000000100000000000000000005001820010db800000000000000000000007700000e10"
     "00001c20",
     0, "role=dhcpv6-server id=00:03:00:01:02:00:00:00:00:05"},
    {"lease inside a lease",
     "05abcdef0003004800000001000000000000000000030038000000010000000000000000"
     "000300280000000100000000000000000005001820010db8000000000000000000000077"
     "00000e1000001c20",
     0, ""},
    {"release", "08abcdef0001000a00030001020000000005", -ENOMSG, NULL},
    {"relayed",
     "0c0000000000000000000000000000000000fe8000000000000000000000000000050009"
     "001201abcdef0001000a00030001020000000005",
     -ENOMSG, NULL},
    {"type 0", "00abcdef", -ENOMSG, NULL},
    {"option past the end", "01abcdef0001001400030001020000000005", -EBADMSG, NULL},
    {"short lease", "01abcdef0003000400000001", -EBADMSG, NULL},
    {"class data past the option", "01abcdef0010000a0000013700094d534654", -EBADMSG, NULL},
    {"name past the option", "01abcdef002700050020616263", -EBADMSG, NULL},
    {"odd request list", "01abcdef00060003001700", -EBADMSG, NULL},
    {"empty", "", -EBADMSG, NULL},
};

static void messages_say_what_they_say_and_malformed_ones_nothing(void **state)
{
    (void)state;
    check_cases(hear_dhcp6, cases, ARRAY_LEN(cases));
}

static void a_message_cut_anywhere_is_whole_evidence_or_none(void **state)
{
    (void)state;
    check_cuts(hear_dhcp6, cases, ARRAY_LEN(cases));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(messages_say_what_they_say_and_malformed_ones_nothing),
    cmocka_unit_test(a_message_cut_anywhere_is_whole_evidence_or_none),
};

TEST_MAIN(tests)
