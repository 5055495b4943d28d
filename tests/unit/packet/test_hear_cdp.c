/* CDP. */
#include "engine/packet/hear_cdp.h"
#include "tests/unit/packet/test_hear_support.h"

static const struct hear_case cases[] = {
    {"a switch",
     "aaaa0300000c200002b4beef0001000a636f72652d320002002d000000020101cc00040a"
     "0000030208aaaa0300000086dd001020010db80000000000000000000000030003001847"
     "69676162697445746865726e6574312f302f3900040008000000090005001841434d4520"
     "4f530a56657273696f6e2031352e320006000f41434d4520432d393330300009000a6361"
     "6d707573000a00060007000b000501",
     0,
     "addr=10.0.0.3 addr=2001:db8::3 role=router role=switch group=campus model=ACME "
     "C-9300 software=ACME OS\\x0AVersion 15.2 system=core-2 "
     "port=GigabitEthernet1/0/9 portvlan=7"},
    {"a phone",
     "aaaa0300000c200001b4beef0001000953455030320003000a506f727420310004000800"
     "000490",
     0, "role=station role=telephone system=SEP02 port=Port 1"},
    {"no device", "aaaa0300000c200002b4beef0003000a506f72742031", -EBADMSG, NULL},
    {"leaves", "aaaa0300000c20000200beef0001000a636f72652d32", -ENOMSG, NULL},
    {"VTP", "aaaa0300000c200302b4beef0001000a636f72652d32", -ENOMSG, NULL},
    {"version 9", "aaaa0300000c200009b4beef0001000a636f72652d32", -ENOMSG, NULL},
    {"length below its header", "aaaa0300000c200002b4beef0001000378", -EBADMSG, NULL},
    {"past the end", "aaaa0300000c200002b4beef00010028636f7265", -EBADMSG, NULL},
    {"addresses past their field",
     "aaaa0300000c200002b4beef0001000a636f72652d3200020011000000030101cc00040a"
     "000003",
     -EBADMSG, NULL},
    {"cut", "aaaa030000", -EBADMSG, NULL},
};

static void messages_say_what_they_say_and_malformed_ones_nothing(void **state)
{
    (void)state;
    check_cases(hear_cdp, cases, ARRAY_LEN(cases));
}

static void a_message_cut_anywhere_is_whole_evidence_or_none(void **state)
{
    (void)state;
    check_cuts(hear_cdp, cases, ARRAY_LEN(cases));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(messages_say_what_they_say_and_malformed_ones_nothing),
    cmocka_unit_test(a_message_cut_anywhere_is_whole_evidence_or_none),
};

TEST_MAIN(tests)
