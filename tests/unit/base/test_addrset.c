/* Sets of addresses, also against a plain bitmap over random additions and subtractions. */
#include "engine/base/addrset.h"
#include "tests/support/main.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void add_text(struct addr_set *s, const char *text)
{
    struct prefix p;

    assert_int_equal(prefix_parse(text, &p, NULL), 0);
    assert_int_equal(addr_set_add_prefix(s, &p), 0);
}

static void neighbours_and_overlaps_melt(void **state)
{
    CLEANUP(addr_set_done) struct addr_set s = {0};

    (void)state;
    add_text(&s, "10.0.1.0/24");
    add_text(&s, "10.0.0.0/24");
    assert_int_equal(s.n, 1);
    add_text(&s, "10.0.0.0/8");
    add_text(&s, "10.7.0.0/16");
    assert_int_equal(s.n, 1);
    add_text(&s, "2001:db8::/64");
    assert_int_equal(s.n, 2);
    assert_true(addr_set_count(&s) == UINT64_MAX);
}

static void whole_address_space_can_be_held(void **state)
{
    CLEANUP(addr_set_done) struct addr_set s = {0};
    struct addr last = addr_v4(UINT32_MAX), got;

    (void)state;
    add_text(&s, "0.0.0.0/0");
    add_text(&s, "255.255.255.255/32");
    assert_int_equal(addr_set_count(&s), 1ULL << 32);
    assert_true(addr_set_nth(&s, UINT32_MAX, &got));
    assert_true(addr_equal(&got, &last));
    assert_false(addr_set_nth(&s, 1ULL << 32, &got));
    assert_int_equal(addr_set_subtract(&s, &s), 0);
    assert_int_equal(s.n, 0);
}

static void reversed_or_mixed_ranges_are_refused(void **state)
{
    CLEANUP(addr_set_done) struct addr_set s = {0};
    struct addr a = addr_v4(5), b = addr_v4(4), six = {.family = ADDR_V6};

    (void)state;
    assert_int_equal(addr_set_add(&s, &a, &b), -EINVAL);
    assert_int_equal(addr_set_add(&s, &a, &six), -EINVAL);
    assert_int_equal(s.n, 0);
}

#define WORLD 256

static void check(const struct addr_set *s, const bool *in)
{
    struct addr_walk walk = {0};
    uint64_t count = 0;
    struct addr got;

    for (uint32_t i = 0; i < WORLD; i++) {
        struct addr a = addr_v4(i);

        assert_int_equal(addr_set_contains(s, &a), in[i]);
        if (!in[i])
            continue;
        assert_true(addr_set_nth(s, count, &got));
        assert_true(addr_equal(&got, &a));
        assert_true(addr_set_next(s, &walk, &got));
        assert_true(addr_equal(&got, &a));
        count++;
    }
    assert_false(addr_set_next(s, &walk, &got));
    assert_int_equal(addr_set_count(s), count);
}

static unsigned some(unsigned *seed, unsigned below)
{
    return (unsigned)rand_r(seed) % below;
}

/* One range into the set and out of the bitmap, or into both. */
static void mark(struct addr_set *s, bool *in, bool value, unsigned *seed)
{
    uint32_t lo = some(seed, WORLD), hi = lo + some(seed, WORLD - lo);
    struct addr first = addr_v4(lo), last = addr_v4(hi);

    assert_int_equal(addr_set_add(s, &first, &last), 0);
    memset(in + lo, value, hi - lo + 1);
}

static void random_edits_equal_a_bitmap(void **state)
{
    unsigned seed = 20260101;

    (void)state;
    for (int round = 0; round < 50; round++) {
        CLEANUP(addr_set_done) struct addr_set s = {0};
        bool in[WORLD] = {false};

        for (int step = 0; step < 30; step++) {
            CLEANUP(addr_set_done) struct addr_set cut = {0};

            if (some(&seed, 2)) {
                mark(&s, in, true, &seed);
            } else {
                for (unsigned n = some(&seed, 4); n > 0; n--)
                    mark(&cut, in, false, &seed);
                assert_int_equal(addr_set_subtract(&s, &cut), 0);
            }
            check(&s, in);
        }
    }
}

static struct addr on_link(const char *text, uint32_t link)
{
    struct addr a;

    assert_int_equal(addr_parse(text, &a), 0);
    a.scope = link;
    return a;
}

static void what_is_on_another_link_is_not_cut_out(void **state)
{
    CLEANUP(addr_set_done) struct addr_set s = {0}, cut = {0};
    struct addr first = on_link("fe80::", 2), last = on_link("fe80::ff", 2);
    struct addr other = on_link("fe80::5", 3), same = on_link("fe80::5", 2);

    (void)state;
    assert_int_equal(addr_set_add(&s, &first, &last), 0);
    assert_int_equal(addr_set_add(&cut, &other, &other), 0);
    assert_int_equal(addr_set_subtract(&s, &cut), 0);
    assert_int_equal(addr_set_count(&s), 256);
    assert_true(addr_set_contains(&s, &same));
    assert_int_equal(addr_set_add(&cut, &same, &same), 0);
    assert_int_equal(addr_set_subtract(&s, &cut), 0);
    assert_int_equal(addr_set_count(&s), 255);
    assert_false(addr_set_contains(&s, &same));
}

/* Ranges on two links that overlap in bytes are as far from each other as any. */
static void each_link_is_a_range_of_its_own(void **state)
{
    CLEANUP(addr_set_done) struct addr_set s = {0};
    struct addr wide[2] = {on_link("fe80::", 2), on_link("fe80::ff", 2)};
    struct addr inner[2] = {on_link("fe80::10", 3), on_link("fe80::20", 3)};
    struct addr more[2] = {on_link("fe80::80", 2), on_link("fe80::1ff", 2)};
    struct addr in[] = {on_link("fe80::15", 2), on_link("fe80::15", 3), on_link("fe80::f0", 2),
                        on_link("fe80::1f0", 2)};
    struct addr out[] = {on_link("fe80::5", 3), on_link("fe80::30", 3), on_link("fe80::15", 4),
                         on_link("fe80::15", 0)};

    (void)state;
    assert_int_equal(addr_set_add(&s, &wide[0], &wide[1]), 0);
    assert_int_equal(addr_set_add(&s, &inner[0], &inner[1]), 0);
    assert_int_equal(addr_set_add(&s, &more[0], &more[1]), 0);
    assert_int_equal(s.n, 2);
    assert_int_equal(addr_set_count(&s), 0x200 + 0x11);
    for (size_t i = 0; i < ARRAY_LEN(in); i++) {
        assert_true(addr_set_contains(&s, &in[i]));
        assert_false(addr_set_contains(&s, &out[i]));
    }
}

/* Each range against each would take minutes. */
static void many_ranges_are_cut_out_of_many(void **state)
{
    enum { MANY = 200000 };
    CLEANUP(addr_set_done) struct addr_set s = {0}, cut = {0};

    (void)state;
    for (uint32_t i = 0; i < MANY; i++) {
        struct addr a = addr_v4(4 * i), b = addr_v4(8 * i);

        assert_int_equal(addr_set_add(&s, &a, &a), 0);
        assert_int_equal(addr_set_add(&cut, &b, &b), 0);
    }
    assert_int_equal(addr_set_subtract(&s, &cut), 0);
    assert_int_equal(addr_set_count(&s), MANY / 2);
}

static void a_network_overlaps_on_its_own_link(void **state)
{
    CLEANUP(addr_set_done) struct addr_set s = {0};
    struct addr four = addr_v4(0x0a000105), here = on_link("fe80::5", 3);
    struct prefix p;

    (void)state;
    assert_int_equal(addr_set_add(&s, &four, &four), 0);
    assert_int_equal(addr_set_add(&s, &here, &here), 0);
    assert_int_equal(prefix_parse("10.0.1.0/24", &p, NULL), 0);
    assert_true(addr_set_overlaps(&s, &p));
    assert_int_equal(prefix_parse("10.0.1.4/31", &p, NULL), 0);
    assert_true(addr_set_overlaps(&s, &p));
    assert_int_equal(prefix_parse("10.0.1.6/31", &p, NULL), 0);
    assert_false(addr_set_overlaps(&s, &p));
    assert_int_equal(prefix_parse("10.0.0.0/24", &p, NULL), 0);
    assert_false(addr_set_overlaps(&s, &p));
    assert_int_equal(prefix_parse("fe80::/64", &p, NULL), 0);
    assert_true(addr_set_overlaps(&s, &p)); /* on whatever link */
    p.addr.scope = 3;
    assert_true(addr_set_overlaps(&s, &p));
    p.addr.scope = 4;
    assert_false(addr_set_overlaps(&s, &p));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(neighbours_and_overlaps_melt),
    cmocka_unit_test(whole_address_space_can_be_held),
    cmocka_unit_test(reversed_or_mixed_ranges_are_refused),
    cmocka_unit_test(random_edits_equal_a_bitmap),
    cmocka_unit_test(what_is_on_another_link_is_not_cut_out),
    cmocka_unit_test(each_link_is_a_range_of_its_own),
    cmocka_unit_test(many_ranges_are_cut_out_of_many),
    cmocka_unit_test(a_network_overlaps_on_its_own_link),
};

TEST_MAIN(tests)
