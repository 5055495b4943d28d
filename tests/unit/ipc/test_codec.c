/* Every message of the table: what is encoded is decoded, and nothing else is. */
#include "service/ipc/messages.h"

#include "tests/support/ipc_random.h"
#include "tests/support/main.h"

#include <errno.h>
#include <math.h>

static void round_trip(const struct ipc_message *m, struct ipc_random *x)
{
    CLEANUP(buf_done) struct buf once = {0};
    CLEANUP(buf_done) struct buf twice = {0};
    union ipc_any value, got;
    struct ipc_header h;

    ipc_random_value(x, m, &value);
    assert_int_equal(ipc_encode(&once, m, 7, &value), 0);
    assert_int_equal(ipc_decode_header(&h, (uint8_t *)once.data, once.len), 0);
    assert_int_equal(h.type, m->type);
    assert_int_equal(h.id, 7);
    if (ipc_decode(m, &got, (uint8_t *)once.data, once.len) < 0)
        fail_msg("%s is not decoded", m->name);
    assert_int_equal(ipc_encode(&twice, m, 7, &got), 0);
    assert_int_equal(once.len, twice.len);
    assert_memory_equal(once.data, twice.data, once.len);
}

static void what_is_encoded_is_decoded(void **state)
{
    static struct ipc_random x = {.state = 0x9e3779b97f4a7c15ULL};
    size_t n;
    const struct ipc_message *all = ipc_messages(&n);

    (void)state;
    for (size_t i = 0; i < n; i++)
        for (int round = 0; round < 200; round++)
            round_trip(&all[i], &x);
}

static void a_copy_outlives_what_it_was_copied_from(void **state)
{
    static struct ipc_random x = {.state = 4711};
    size_t n;
    const struct ipc_message *all = ipc_messages(&n);

    (void)state;
    for (size_t i = 0; i < n; i++) {
        CLEANUP(buf_done) struct buf once = {0};
        CLEANUP(buf_done) struct buf twice = {0};
        union ipc_any value;
        void *copy;

        ipc_random_value(&x, &all[i], &value);
        assert_int_equal(ipc_encode(&once, &all[i], 0, &value), 0);
        copy = ipc_dup(&all[i], &value);
        assert_non_null(copy);
        memset(x.pool, 0xee, sizeof x.pool);
        assert_int_equal(ipc_encode(&twice, &all[i], 0, copy), 0);
        assert_int_equal(once.len, twice.len);
        assert_memory_equal(once.data, twice.data, once.len);
        free(copy);
    }
}

/* Every shorter and every longer body is refused. */
static void a_body_of_another_length_is_refused(void **state)
{
    static struct ipc_random x = {.state = 42};
    size_t n;
    const struct ipc_message *all = ipc_messages(&n);

    (void)state;
    for (size_t i = 0; i < n; i++) {
        CLEANUP(buf_done) struct buf b = {0};
        union ipc_any value, got;

        ipc_random_value(&x, &all[i], &value);
        assert_int_equal(ipc_encode(&b, &all[i], 0, &value), 0);
        buf_char(&b, 0);
        for (size_t len = IPC_HEADER; len <= b.len; len++) {
            int want = len == b.len - 1 ? 0 : -EBADMSG;

            assert_int_equal(ipc_decode(&all[i], &got, (uint8_t *)b.data, len), want);
        }
    }
}

static void types_are_unique_and_fit(void **state)
{
    size_t n;
    const struct ipc_message *all = ipc_messages(&n);

    (void)state;
    for (size_t i = 0; i < n; i++) {
        assert_ptr_equal(ipc_message_find(all[i].type), &all[i]);
        assert_true(all[i].size <= sizeof(union ipc_any));
        for (size_t j = 0; j < all[i].n_fields; j++)
            assert_true(all[i].fields[j].offset < all[i].size);
    }
    assert_null(ipc_message_find(0));
    assert_null(ipc_message_find(UINT16_MAX));
}

static void values_out_of_range_are_neither_sent_nor_taken(void **state)
{
    const struct ipc_message *m = ipc_message_find(MSG_ZONE);
    CLEANUP(buf_done) struct buf b = {0};
    struct ipc_zone zone = {.rate = -1};
    union ipc_any got;

    (void)state;
    assert_int_equal(ipc_encode(&b, m, 1, &zone), -EINVAL);
    zone.rate = INFINITY;
    assert_int_equal(ipc_encode(&b, m, 1, &zone), -EINVAL);
    assert_int_equal(b.len, 0);
    zone.rate = 1;
    assert_int_equal(ipc_encode(&b, m, 1, &zone), 0);
    memset(b.data + IPC_HEADER, 0xff, 8); /* a NaN */
    assert_int_equal(ipc_decode(m, &got, (uint8_t *)b.data, b.len), -EBADMSG);
}

static void too_long_texts_are_not_sent(void **state)
{
    const struct ipc_message *m = ipc_message_find(MSG_STATUS);
    CLEANUP(buf_done) struct buf b = {0};
    char text[IPC_SENTENCE_MAX + 2];
    struct ipc_status status = {.text = text};

    (void)state;
    memset(text, 'x', sizeof text);
    text[IPC_SENTENCE_MAX + 1] = 0;
    assert_int_equal(ipc_encode(&b, m, 0, &status), -EMSGSIZE);
    text[IPC_SENTENCE_MAX] = 0;
    assert_int_equal(ipc_encode(&b, m, 0, &status), 0);
}

static void headers_of_another_kind_are_refused(void **state)
{
    static const size_t spoilt[] = {2, 3, 8, 11, 12, 15};
    CLEANUP(buf_done) struct buf b = {0};
    struct ipc_header h;

    (void)state;
    assert_int_equal(ipc_encode(&b, ipc_message_find(MSG_READY), 9, NULL), 0);
    assert_int_equal(ipc_decode_header(&h, (uint8_t *)b.data, b.len), 0);
    assert_int_equal(ipc_decode_header(&h, (uint8_t *)b.data, IPC_HEADER - 1), -EBADMSG);
    for (size_t i = 0; i < ARRAY_LEN(spoilt); i++) {
        b.data[spoilt[i]] ^= 1;
        if (spoilt[i] != 3 || b.data[3])
            assert_int_equal(ipc_decode_header(&h, (uint8_t *)b.data, b.len), -EBADMSG);
        b.data[spoilt[i]] ^= 1;
    }
}

static void ranges_travel_in_pieces(void **state)
{
    struct addr_set set = {0}, got = {0};
    size_t sent = 0;

    (void)state;
    for (uint32_t i = 0; i < 3000; i++) {
        struct addr a = addr_v4(0x0a000000 + 4 * i), b = addr_v4(0x0a000001 + 4 * i);

        assert_int_equal(addr_set_add(&set, &a, &b), 0);
    }
    while (sent < set.n) {
        CLEANUP(buf_done) struct buf piece = {0};
        struct ipc_bytes bytes;

        sent += ipc_ranges_put(&piece, &set, sent, 1000);
        bytes = (struct ipc_bytes){(uint8_t *)piece.data, piece.len};
        assert_true(piece.len <= 1000);
        assert_int_equal(ipc_ranges_get(&got, &bytes), 0);
    }
    assert_int_equal(got.n, set.n);
    assert_memory_equal(got.ranges, set.ranges, set.n * sizeof *set.ranges);
    addr_set_done(&set);
    addr_set_done(&got);
}

static void bad_ranges_are_refused(void **state)
{
    static const uint8_t backwards[] = {4, 10, 0, 0, 2, 10, 0, 0, 1};
    static const uint8_t family[] = {5, 10, 0, 0, 1, 10, 0, 0, 1};
    static const uint8_t cut[] = {4, 10, 0, 0, 1, 10, 0, 0};
    const struct ipc_bytes cases[] = {
        {backwards, sizeof backwards}, {family, sizeof family}, {cut, sizeof cut}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct addr_set got = {0};

        assert_int_equal(ipc_ranges_get(&got, &cases[i]), -EBADMSG);
        addr_set_done(&got);
    }
}

static void ports_travel_as_bits(void **state)
{
    uint64_t words[1024] = {0}, got[1024];
    static uint8_t bits[IPC_PORT_BITS_LEN];
    struct ipc_bytes bytes = {bits, sizeof bits};

    (void)state;
    words[0] = 1ULL << 22;
    words[1023] = 1ULL << 63;
    ipc_port_bits_put(bits, words);
    assert_int_equal(bits[2], 1 << 6);
    assert_int_equal(ipc_port_bits_get(got, &bytes), 0);
    assert_memory_equal(words, got, sizeof words);
    bytes.len--;
    assert_int_equal(ipc_port_bits_get(got, &bytes), -EBADMSG);
}

/* -(int)0xffffffff would be a success. */
static void an_error_of_a_peer_is_an_error(void **state)
{
    static const struct {
        uint32_t said;
        int want;
    } cases[] = {
        {0, 0},       {ENOENT, -ENOENT},   {4095, -4095},
        {4096, -EIO}, {0x80000000U, -EIO}, {UINT32_MAX, -EIO},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(ipc_status(cases[i].said), cases[i].want);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(an_error_of_a_peer_is_an_error),
    cmocka_unit_test(what_is_encoded_is_decoded),
    cmocka_unit_test(a_copy_outlives_what_it_was_copied_from),
    cmocka_unit_test(a_body_of_another_length_is_refused),
    cmocka_unit_test(types_are_unique_and_fit),
    cmocka_unit_test(values_out_of_range_are_neither_sent_nor_taken),
    cmocka_unit_test(too_long_texts_are_not_sent),
    cmocka_unit_test(headers_of_another_kind_are_refused),
    cmocka_unit_test(ranges_travel_in_pieces),
    cmocka_unit_test(bad_ranges_are_refused),
    cmocka_unit_test(ports_travel_as_bits),
};

TEST_MAIN(tests)
