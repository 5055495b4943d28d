/* LLDP. */
#include "engine/packet/hear_lldp.h"
#include "tests/unit/packet/test_hear_support.h"

static const struct hear_case cases[] = {
    {"a switch",
     "0207040200000000050406054769302f3706020078080d75706c696e6b20726f6f6d2037"
     "0a1073772d312e6578616d706c652e6f72670c1241434d4520537769746368204f532034"
     "2e320e0400140004100c05010a000002020000000700fe060080c201002afe090012bb08"
     "534e2d3737fe080012bb0941434d45fe080012bb0a532d3438fe0900120f010000000000"
     "000000000000000000000000",
     0,
     "addr=10.0.0.2 role=bridge vendor=ACME model=S-48 software=ACME Switch OS 4.2 "
     "serial=SN-77 system=sw-1.example.org chassis=02:00:00:00:00:05 port=Gi0/7 "
     "portlabel=uplink room 7 portvlan=42"},
    {"only what must be", "0207040200000000050406054769302f37060200780000", 0,
     "chassis=02:00:00:00:00:05 port=Gi0/7"},
    {"addresses as identities",
     "020605010a000002040703020000000001060200781018110220010db800000000000000"
     "0000000002010000000100",
     0, "addr=2001:db8::2 chassis=10.0.0.2 port=02:00:00:00:00:01"},
    {"shutdown", "0207040200000000050406054769302f37060200000000", -ENOMSG, NULL},
    {"port before chassis", "0406054769302f3702070402000000000506020078", -EBADMSG, NULL},
    {"empty chassis", "0201040406054769302f3706020078", -EBADMSG, NULL},
    {"no time to live", "0207040200000000050406054769302f37", -EBADMSG, NULL},
    {"short capabilities", "0207040200000000050406054769302f37060200780e020004", -EBADMSG, NULL},
    {"short management address", "0207040200000000050406054769302f3706020078100611020a000002",
     -EBADMSG, NULL},
    {"past the end", "0207040200000000050406054769302f37060200780a287377", -EBADMSG, NULL},
};

static void messages_say_what_they_say_and_malformed_ones_nothing(void **state)
{
    (void)state;
    check_cases(hear_lldp, cases, ARRAY_LEN(cases));
}

static void a_message_cut_anywhere_is_whole_evidence_or_none(void **state)
{
    (void)state;
    check_cuts(hear_lldp, cases, ARRAY_LEN(cases));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(messages_say_what_they_say_and_malformed_ones_nothing),
    cmocka_unit_test(a_message_cut_anywhere_is_whole_evidence_or_none),
};

TEST_MAIN(tests)
