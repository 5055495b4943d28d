/* The journal: what was added is there again after any end of its process, and nothing else. */
#include "service/store/journal.h"
#include "tests/support/main.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static char path[] = "/tmp/muster-journal-XXXXXX";
static const struct journal_owner owner = {{1, 2, 3}, {4, 5, 6}};

static off_t bad_place = -1; /* of the disk: what begins to be read there is not given */

/* In place of the C library's, which the layer would call. */
ssize_t pread(int fd, void *to, size_t len, off_t at)
{
    if (bad_place < 0 || bad_place < at || bad_place >= at + (off_t)len)
        return (ssize_t)syscall(SYS_pread64, fd, to, len, at);
    errno = EIO;
    return -1;
}

static int setup(void **state)
{
    int fd;

    (void)state;
    memcpy(path + sizeof path - 7, "XXXXXX", 6);
    fd = mkstemp(path);
    if (fd < 0)
        return -1;
    close(fd);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    return unlink(path);
}

static struct journal *opened(uint64_t limit)
{
    struct journal *j = NULL;
    struct err e = {0};

    assert_int_equal(journal_open(&j, path, limit, &e), 0);
    return j;
}

static void add(struct journal *j, const char *text)
{
    uint64_t at;

    assert_int_equal(journal_add(j, &owner, text, strlen(text), &at), 0);
}

/* The texts of all records, each behind a "|". */
static void expect(struct journal *j, const char *want)
{
    CLEANUP(buf_done) struct buf got = {0};
    CLEANUP(buf_done) struct buf all = {0};
    uint64_t at = 0;

    buf_str(&all, "");
    while (journal_get(j, &at, &got) == 0) {
        buf_char(&all, '|');
        buf_add(&all, got.data, got.len);
    }
    assert_string_equal(all.data ? all.data : "", want);
}

static void records_come_back_in_order_after_a_restart(void **state)
{
    struct journal *j = opened(1000);

    (void)state;
    assert_null(journal_owner(j));
    add(j, "one");
    add(j, "");
    add(j, "three");
    expect(j, "|one||three");
    journal_free(j);
    j = opened(1000);
    assert_memory_equal(journal_owner(j), &owner, sizeof owner);
    expect(j, "|one||three");
    add(j, "four");
    expect(j, "|one||three|four");
    assert_int_equal(journal_clear(j), 0);
    assert_null(journal_owner(j));
    expect(j, "");
    add(j, "five");
    journal_free(j);
    j = opened(1000);
    expect(j, "|five");
    journal_free(j);
}

static void limit_is_kept(void **state)
{
    struct journal *j = opened(48 + 11 + 11);
    uint64_t at;

    (void)state;
    add(j, "one");
    assert_int_equal(journal_add(j, &owner, "four", 4, &at), -ENOSPC);
    add(j, "two");
    assert_int_equal(journal_add(j, &owner, "", 0, &at), -ENOSPC);
    expect(j, "|one|two");
    journal_free(j);
}

/* Each prefix of a journal, and each with one byte spoiled, opens with whole records in front. */
static void torn_end_is_cut_off(void **state)
{
    struct journal *j = opened(1000);
    char bytes[48 + 2 * 11], spoiled[sizeof bytes];
    FILE *f;

    (void)state;
    add(j, "one");
    add(j, "two");
    journal_free(j);
    f = fopen(path, "re");
    assert_int_equal(fread(bytes, 1, sizeof bytes, f), sizeof bytes);
    fclose(f);
    for (size_t n = 0; n < 2 * sizeof bytes; n++) {
        size_t len = n < sizeof bytes ? n : sizeof bytes, bad = n - sizeof bytes;

        memcpy(spoiled, bytes, sizeof bytes);
        if (n >= sizeof bytes)
            spoiled[bad] ^= 0x10;
        f = fopen(path, "we");
        assert_int_equal(fwrite(spoiled, 1, len, f), len);
        fclose(f);
        j = opened(1000);
        if (n < sizeof bytes)
            expect(j, n < 48 + 11 ? "" : "|one");
        else
            expect(j, bad < 48 + 11 ? "" : "|one");
        add(j, "new");
        journal_free(j);
        j = opened(1000);
        expect(j, n < 48 + 11 || (n >= sizeof bytes && bad < 48 + 11) ? "|new" : "|one|new");
        journal_free(j);
    }
}

static void bad_place_is_named(void **state)
{
    struct journal *j = NULL;
    struct err e = {0};

    (void)state;
    assert_int_equal(journal_open(&j, "/nonexistent/journal", 1000, &e), -ENOENT);
    assert_string_equal(err_text(&e), "journal '/nonexistent/journal': No such file or directory");
}

/* What the disk does not give now it may give at the next start. */
static void file_that_cannot_be_read_stays_as_it_is(void **state)
{
    static const struct {
        const char *name;
        off_t at;
    } cases[] = {{"header", 0}, {"head of a record", 48 + 11}, {"data", 48 + 11 + 8}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct journal *j = opened(1000);
        struct err e = {0};

        add(j, "one");
        add(j, "two");
        journal_free(j);
        j = NULL;
        bad_place = cases[i].at;
        assert_int_equal(journal_open(&j, path, 1000, &e), -EIO);
        bad_place = -1;
        assert_null(j);
        j = opened(1000);
        expect(j, "|one|two");
        assert_int_equal(journal_clear(j), 0);
        journal_free(j);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(records_come_back_in_order_after_a_restart, setup, teardown),
    cmocka_unit_test_setup_teardown(limit_is_kept, setup, teardown),
    cmocka_unit_test_setup_teardown(torn_end_is_cut_off, setup, teardown),
    cmocka_unit_test_setup_teardown(file_that_cannot_be_read_stays_as_it_is, setup, teardown),
    cmocka_unit_test_setup_teardown(bad_place_is_named, setup, teardown),
};
TEST_MAIN(tests)
