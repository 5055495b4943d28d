/* ARP: who sends it is told, what cannot be a host is not. */
#include "engine/packet/hear_arp.h"
#include "tests/unit/packet/test_hear_support.h"

static const struct hear_case cases[] = {
    {"request", "00010800060400010200000000050a0000050000000000000a000001", 0,
     "mac=02:00:00:00:00:05 addr=10.0.0.5"},
    {"reply", "00010800060400020200000000050a0000050000000000000a000001", 0,
     "mac=02:00:00:00:00:05 addr=10.0.0.5"},
    {"probe before use", "0001080006040001020000000005000000000000000000000a000009", 0,
     "mac=02:00:00:00:00:05 wants=10.0.0.9"},
    {"announcement", "00010800060400010200000000050a0000090000000000000a000009", 0,
     "mac=02:00:00:00:00:05 addr=10.0.0.9"},
    {"group MAC", "00010800060400010100000000050a0000050000000000000a000001", -ENOMSG, NULL},
    {"multicast sender", "0001080006040001020000000005e00000050000000000000a000001", -ENOMSG, NULL},
    {"broadcast sender", "0001080006040001020000000005ffffffff0000000000000a000001", -ENOMSG, NULL},
    {"reverse ARP", "00010800060400030200000000050a0000050000000000000a000001", -ENOMSG, NULL},
    {"another hardware", "00060800060400010200000000050a0000050000000000000a000001", -ENOMSG, NULL},
    {"wrong lengths", "00010800061000010200000000050a0000050000000000000a000001", -ENOMSG, NULL},
    {"cut", "00010800060400010200000000050a0000050000000000000a0000", -EBADMSG, NULL},
};

static void messages_say_what_they_say_and_malformed_ones_nothing(void **state)
{
    (void)state;
    check_cases(hear_arp, cases, ARRAY_LEN(cases));
}

static void a_message_cut_anywhere_is_whole_evidence_or_none(void **state)
{
    (void)state;
    check_cuts(hear_arp, cases, ARRAY_LEN(cases));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(messages_say_what_they_say_and_malformed_ones_nothing),
    cmocka_unit_test(a_message_cut_anywhere_is_whole_evidence_or_none),
};

TEST_MAIN(tests)
