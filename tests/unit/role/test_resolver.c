/* What becomes of resolv.conf is told once each time, whole and sealed, and what cannot be read
 * tells nothing. */
#include "service/role/resolver.h"

#include "tests/support/main.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[32], path[64];
static struct loop *loop;
static struct resolver watch;
static unsigned told;
static char text[256];
static int written; /* errno of writing into what was handed over */

static void on_changed(void *user, int fd)
{
    ssize_t n = pread(fd, text, sizeof text - 1, 0);

    (void)user;
    assert_true(n >= 0);
    text[n] = 0;
    told++;
    written = pwrite(fd, "x", 1, 0) < 0 ? errno : 0;
}

/* As programs do that write it: a new file takes the place of the old one. */
static void conf_is(const char *line)
{
    char fresh[64];
    FILE *f;

    snprintf(fresh, sizeof fresh, "%s/new", directory);
    f = fopen(fresh, "we");
    assert_non_null(f);
    fputs(line, f);
    fclose(f);
    assert_int_equal(rename(fresh, path), 0);
}

static void look(void)
{
    loop_fake_advance(loop, RESOLVER_LOOK);
    loop_turn(loop, 0);
}

static int setup(void **state)
{
    (void)state;
    snprintf(directory, sizeof directory, "/tmp/muster-conf-XXXXXX");
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/resolv.conf", directory);
    told = 0;
    assert_int_equal(loop_new(&loop, NULL), 0);
    loop_fake_clock(loop, 1000 * USEC_PER_SEC);
    watch = (struct resolver){.loop = loop, .path = path, .changed = on_changed};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    resolver_done(&watch);
    loop = loop_free(loop);
    unlink(path);
    return rmdir(directory);
}

static void what_is_there_at_first_is_known(void **state)
{
    (void)state;
    conf_is("nameserver 192.0.2.1\n");
    assert_int_equal(resolver_watch(&watch), 0);
    look();
    conf_is("nameserver 192.0.2.1\n");
    look();
    assert_int_equal(told, 0);
}

static void a_change_is_told_once(void **state)
{
    (void)state;
    conf_is("nameserver 192.0.2.1\n");
    assert_int_equal(resolver_watch(&watch), 0);
    conf_is("nameserver 192.0.2.2\n");
    look();
    look();
    assert_int_equal(told, 1);
    assert_string_equal(text, "nameserver 192.0.2.2\n");
    assert_int_equal(written, EPERM);
    conf_is("");
    look();
    look();
    assert_int_equal(told, 2);
    assert_string_equal(text, "");
}

static void one_that_comes_later_is_a_change(void **state)
{
    (void)state;
    assert_int_equal(resolver_watch(&watch), 0);
    look();
    assert_int_equal(told, 0);
    conf_is("nameserver 192.0.2.1\n");
    look();
    assert_int_equal(told, 1);
}

static void one_that_cannot_be_read_is_none(void **state)
{
    char *endless = malloc(70000);

    (void)state;
    assert_non_null(endless);
    memset(endless, '#', 69999);
    endless[69999] = 0;
    conf_is("nameserver 192.0.2.1\n");
    assert_int_equal(resolver_watch(&watch), 0);
    assert_int_equal(unlink(path), 0);
    look();
    conf_is(endless);
    look();
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    look();
    assert_int_equal(rmdir(path), 0);
    conf_is("nameserver 192.0.2.1\n");
    look();
    assert_int_equal(told, 0);
    free(endless);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(what_is_there_at_first_is_known, setup, teardown),
    cmocka_unit_test_setup_teardown(a_change_is_told_once, setup, teardown),
    cmocka_unit_test_setup_teardown(one_that_comes_later_is_a_change, setup, teardown),
    cmocka_unit_test_setup_teardown(one_that_cannot_be_read_is_none, setup, teardown),
};

TEST_MAIN(tests)
