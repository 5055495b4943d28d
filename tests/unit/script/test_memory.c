/* The counting allocator: what blocks hold survives their growing and shrinking in and out of the
 * pool, the count is exact, the ceiling is kept, and a small block that was freed is the next one
 * handed out. */
#include "engine/script/memory.h"
#include "tests/support/main.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define BLOCKS 4000 /* enough for slabs of both sizes */
#define STEPS  120000

struct held {
    unsigned char *bytes;
    size_t size;
    unsigned char mark;
};

static void check_bytes(const struct held *h, size_t n)
{
    for (size_t i = 0; i < n; i++)
        assert_int_equal(h->bytes[i], h->mark);
}

static void resize(struct lmem *m, struct held *h, size_t size)
{
    size_t kept = h->size < size ? h->size : size;

    h->bytes = lmem_alloc(m, h->bytes, h->size, size);
    assert_true((h->bytes != NULL) == (size != 0));
    check_bytes(h, kept);
    if (size > kept)
        memset(h->bytes + kept, h->mark, size - kept);
    h->size = size;
}

/* Seeded: the same walk each time. */
static size_t next_size(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005U + 1442695040888963407U;
    switch (*seed >> 62) {
    case 0:
        return 0;
    case 1:
        return (*seed >> 33) % (3 * LMEM_SMALL);
    default:
        return (*seed >> 33) % (LMEM_SMALL + 40);
    }
}

static void walk(bool pooled)
{
    struct lmem m = {.pooled = pooled};
    struct held held[BLOCKS] = {0};
    uint64_t seed = 7;
    size_t sum = 0;

    for (int i = 0; i < STEPS; i++) {
        struct held *h = &held[(seed >> 20) % BLOCKS];

        if (!h->bytes)
            h->mark = (unsigned char)(i | 1);
        sum -= h->size;
        resize(&m, h, next_size(&seed));
        sum += h->size;
        assert_int_equal(m.used, sum);
    }
    assert_true(m.n_slabs > 16 || !pooled);
    for (int i = 0; i < BLOCKS; i++)
        resize(&m, &held[i], 0);
    assert_int_equal(m.used, 0);
    lmem_done(&m);
}

static void blocks_keep_what_they_hold(void **state)
{
    (void)state;
    walk(true);
    walk(false);
}

static void a_freed_block_is_the_next(void **state)
{
    struct lmem m = {.pooled = true};
    void *a, *b;

    (void)state;
    a = lmem_alloc(&m, NULL, 0, 40);
    assert_ptr_equal(lmem_alloc(&m, a, 40, 48), a); /* the same size rounded */
    assert_null(lmem_alloc(&m, a, 48, 0));
    b = lmem_alloc(&m, NULL, 0, 33);
    assert_ptr_equal(a, b);
    lmem_alloc(&m, b, 33, 0);
    lmem_done(&m);
}

static void the_ceiling_is_kept(void **state)
{
    struct lmem m = {.pooled = true, .limit = 1000};
    void *a = lmem_alloc(&m, NULL, 0, 500);

    (void)state;
    assert_non_null(a);
    assert_null(lmem_alloc(&m, NULL, 0, 501));
    assert_int_equal(m.used, 500);
    lmem_alloc(&m, a, 500, 0);
    assert_int_equal(m.peak, 500);
    lmem_done(&m);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(blocks_keep_what_they_hold),
    cmocka_unit_test(a_freed_block_is_the_next),
    cmocka_unit_test(the_ceiling_is_kept),
};

TEST_MAIN(tests)
