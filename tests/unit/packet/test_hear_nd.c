/* Neighbour and router discovery. */
#include "engine/packet/hear_nd.h"
#include "tests/unit/packet/test_hear_support.h"

static int decode(struct hear_evidence *ret, struct rbuf *b)
{
    struct addr src;

    assert_int_equal(addr_parse("fe80::5", &src), 0);
    return hear_nd(ret, b, &src);
}

static const struct hear_case cases[] = {
    {"solicitation", "870000000000000020010db80000000000000000000000010101020000000005", 0,
     "mac=02:00:00:00:00:05 addr=fe80::5"},
    {"advertisement", "880000006000000020010db80000000000000000000000050201020000000005", 0,
     "mac=02:00:00:00:00:05 addr=2001:db8::5"},
    {"advertisement without link option", "880000006000000020010db8000000000000000000000005", 0,
     "addr=2001:db8::5"},
    {"advertisement with the wrong option",
     "880000006000000020010db80000000000000000000000050101020000000005", 0, "addr=2001:db8::5"},
    {"router",
     "86000000400007080000000000000000010102000000000505010000000005dc030440c0"
     "00015180000038400000000020010db8000700000000000000000000",
     0, "mac=02:00:00:00:00:05 addr=fe80::5 role=router prefix=2001:db8:7::/64"},
    {"router that leaves", "860000004000000000000000000000000101020000000005", 0,
     "mac=02:00:00:00:00:05 addr=fe80::5"},
    {"prefix of 129 bits",
     "86000000400007080000000000000000030481c000015180000038400000000020010db8"
     "000700000000000000000000",
     0, "addr=fe80::5 role=router"},
    {"short prefix option", "860000004000070800000000000000000301000000000000", -EBADMSG, NULL},
    {"option of length 0", "870000000000000020010db80000000000000000000000010100000000000000",
     -EBADMSG, NULL},
    {"option past the end", "870000000000000020010db80000000000000000000000010104020000000005",
     -EBADMSG, NULL},
    {"advertised multicast", "8800000060000000ff0200000000000000000000000000010201020000000005",
     -ENOMSG, NULL},
    {"echo request", "800000000001000100000000000000000000000000000000", -ENOMSG, NULL},
    {"cut", "870000000000000020010db80000000000000000000000", -EBADMSG, NULL},
};

static void messages_say_what_they_say_and_malformed_ones_nothing(void **state)
{
    (void)state;
    check_cases(decode, cases, ARRAY_LEN(cases));
}

static void a_message_cut_anywhere_is_whole_evidence_or_none(void **state)
{
    (void)state;
    check_cuts(decode, cases, ARRAY_LEN(cases));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(messages_say_what_they_say_and_malformed_ones_nothing),
    cmocka_unit_test(a_message_cut_anywhere_is_whole_evidence_or_none),
};

TEST_MAIN(tests)
