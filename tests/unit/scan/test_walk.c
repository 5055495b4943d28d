/* The permuted walk: a bijection for every size, the same for the same seed. */
#include "engine/scan/walk.h"
#include "tests/support/main.h"

#include <stdlib.h>

static const uint64_t sizes[] = {1,   2,   3,   4,    5,     7,     16,   17,
                                 255, 256, 257, 1000, 65535, 65536, 70001};

static void every_number_comes_exactly_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        uint8_t *seen = calloc(sizes[i], 1);
        struct walk w;

        walk_init(&w, sizes[i], 12345 + i);
        for (uint64_t k = 0; k < sizes[i]; k++) {
            uint64_t at = walk_at(&w, k);

            assert_true(at < sizes[i]);
            assert_int_equal(seen[at]++, 0);
        }
        free(seen);
    }
}

static void the_seed_alone_decides_the_order(void **state)
{
    struct walk a, b, c;
    unsigned same = 0;

    (void)state;
    walk_init(&a, 1000, 1);
    walk_init(&b, 1000, 1);
    walk_init(&c, 1000, 2);
    for (uint64_t i = 0; i < 1000; i++) {
        assert_int_equal(walk_at(&a, i), walk_at(&b, i));
        same += walk_at(&a, i) == walk_at(&c, i);
    }
    assert_true(same < 20);
}

static void neighbours_are_torn_apart(void **state)
{
    struct walk w;
    unsigned near = 0;

    (void)state;
    walk_init(&w, 1 << 16, 7);
    for (uint64_t i = 1; i < 1 << 16; i++)
        near += walk_at(&w, i) >> 8 == walk_at(&w, i - 1) >> 8;
    assert_true(near < 1024); /* by chance 256 */
}

static void the_largest_walk_stays_in_its_bounds(void **state)
{
    struct walk w;

    (void)state;
    walk_init(&w, 1ULL << 41, 3);
    for (uint64_t i = 0; i < 1000; i++)
        assert_true(walk_at(&w, (1ULL << 41) - 1 - i) < 1ULL << 41);
}

static const struct CMUnitTest walk[] = {
    cmocka_unit_test(every_number_comes_exactly_once),
    cmocka_unit_test(the_seed_alone_decides_the_order),
    cmocka_unit_test(neighbours_are_torn_apart),
    cmocka_unit_test(the_largest_walk_stays_in_its_bounds),
};

TEST_MAIN(walk)
