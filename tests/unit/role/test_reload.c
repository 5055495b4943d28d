/* Which configuration holds while cores die, under a clock that stands still.  The roles are
 * played: what the monitor would have started or told is counted. */
#include "service/role/monitor_priv.h"

#include "tests/support/main.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define SOON   (10 * USEC_PER_SEC)
#define MINUTE (60 * USEC_PER_SEC)

static struct monitor m;
static char path[] = "/tmp/muster-reload-XXXXXX";
static unsigned stopped;

int monitor_core_configure(struct monitor *monitor)
{
    (void)monitor;
    return 0;
}

void monitor_workers_resize(struct monitor *monitor)
{
    (void)monitor;
}

void monitor_stop(struct monitor *monitor)
{
    (void)monitor;
    stopped++;
}

static void write_config(unsigned workers)
{
    char text[100];
    int n =
        snprintf(text, sizeof text,
                 "scripts: {workers: %u}\nzones: [{name: self, networks: [127.0.0.1]}]\n", workers);
    int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);

    assert_int_equal(write(fd, text, (size_t)n), n);
    close(fd);
}

static int setup(void **state)
{
    struct err e = {0};

    (void)state;
    memcpy(path + sizeof path - 7, "XXXXXX", 6);
    close(mkstemp(path));
    m = (struct monitor){
        .path = path, .config_fd = -1, .next_fd = -1, .former_fd = -1, .generation = 1};
    write_config(1);
    assert_int_equal(loop_new(&m.loop, &e), 0);
    loop_fake_clock(m.loop, 0);
    assert_int_equal(monitor_config_read(path, &m.config, &m.config_fd, &e), 0);
    m.core.loop = m.loop;
    m.core.pid = 1; /* it runs; nobody sends it anything, for it has no channel */
    m.core.reaped = true;
    m.core.started = loop_now(m.loop);
    m.core_configured = m.started = true;
    stopped = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    monitor_reload_done(&m);
    loop_free(m.loop);
    unlink(path);
    return 0;
}

static unsigned in_force(void)
{
    return m.config->scripts->workers;
}

static void answer(uint32_t error)
{
    const struct ipc_config_done done = {.error = error, .text = error ? "no such file" : NULL};

    m.core_configured = m.core_configured || !error;
    monitor_config_done(&m, m.generation, &done);
}

/* Another configuration, which the core takes. */
static void reload(unsigned workers)
{
    write_config(workers);
    monitor_reload(&m);
    answer(0);
    assert_int_equal(in_force(), workers);
    assert_string_equal(m.refused, "");
}

/* The core dies after so long, and the next one takes what is in force. */
static void core_lives(usec_t span)
{
    loop_fake_advance(m.loop, span);
    m.core.pid = 0;
    monitor_core_gone(&m, "signal 9 (Killed)");
    m.core.pid = 1;
    m.core.started = loop_now(m.loop);
    answer(0);
}

static void cores_die(unsigned n)
{
    while (n--)
        core_lives(SOON);
}

static void three_short_lives_take_it_back(void **state)
{
    (void)state;
    reload(2);
    cores_die(2);
    assert_int_equal(in_force(), 2);
    cores_die(1);
    assert_int_equal(in_force(), 1);
    assert_non_null(strstr(m.refused, "the core died under it 3 times, last by signal 9"));
    assert_memory_equal(m.refused, path, strlen(path));
    cores_die(9);
    assert_int_equal(in_force(), 1);
    reload(3);
    assert_int_equal(in_force(), 3);
}

static void a_core_that_lived_a_minute_proves_it(void **state)
{
    (void)state;
    reload(2);
    core_lives(MINUTE);
    assert_null(m.former);
    cores_die(9);
    assert_int_equal(in_force(), 2);
    assert_string_equal(m.refused, "");
}

static void a_life_of_almost_a_minute_does_not(void **state)
{
    (void)state;
    reload(2);
    core_lives(MINUTE - 1);
    core_lives(MINUTE - 1);
    assert_int_equal(in_force(), 2);
    core_lives(MINUTE - 1);
    assert_int_equal(in_force(), 1);
}

static void a_long_life_proves_it_also_after_short_ones(void **state)
{
    (void)state;
    reload(2);
    cores_die(2);
    core_lives(MINUTE);
    cores_die(9);
    assert_int_equal(in_force(), 2);
}

/* What the core did under the one before says nothing about the next one. */
static void only_the_life_since_the_reload_counts(void **state)
{
    (void)state;
    loop_fake_advance(m.loop, 10 * MINUTE);
    reload(2);
    cores_die(3);
    assert_int_equal(in_force(), 1);
}

static void an_unproved_one_is_not_what_is_gone_back_to(void **state)
{
    (void)state;
    reload(2);
    cores_die(2);
    reload(3);
    cores_die(2);
    assert_int_equal(in_force(), 3);
    cores_die(1);
    assert_int_equal(in_force(), 1);
}

static void a_proved_one_is_what_is_gone_back_to(void **state)
{
    (void)state;
    reload(2);
    loop_fake_advance(m.loop, MINUTE);
    reload(3);
    cores_die(3);
    assert_int_equal(in_force(), 2);
}

static void one_that_no_core_takes_in_is_refused(void **state)
{
    (void)state;
    write_config(2);
    monitor_reload(&m);
    for (unsigned i = 0; i < 3; i++) {
        assert_non_null(m.next);
        m.core.pid = 0;
        monitor_core_gone(&m, "signal 9 (Killed)");
        m.core.pid = 1;
    }
    assert_null(m.next);
    assert_int_equal(in_force(), 1);
    assert_non_null(strstr(m.refused, "the core died each time it took it in"));
    assert_int_equal(stopped, 0);
}

/* Since the first of them; a good one ends it. */
static void since_when_it_is_refused(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        loop_fake_advance(m.loop, MINUTE);
        write_config(2);
        monitor_reload(&m);
        answer(ENOENT);
        assert_int_equal(m.refused_at, MINUTE);
        assert_non_null(strstr(m.refused, ": no such file"));
    }
    reload(2);
    loop_fake_advance(m.loop, MINUTE);
    write_config(0);
    monitor_reload(&m);
    assert_int_equal(m.refused_at, 3 * MINUTE);
    assert_non_null(strstr(m.refused, ":1: scripts.workers"));
    assert_memory_equal(m.refused, path, strlen(path));
    assert_null(strstr(m.refused + 1, path));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(three_short_lives_take_it_back, setup, teardown),
    cmocka_unit_test_setup_teardown(a_core_that_lived_a_minute_proves_it, setup, teardown),
    cmocka_unit_test_setup_teardown(a_life_of_almost_a_minute_does_not, setup, teardown),
    cmocka_unit_test_setup_teardown(a_long_life_proves_it_also_after_short_ones, setup, teardown),
    cmocka_unit_test_setup_teardown(only_the_life_since_the_reload_counts, setup, teardown),
    cmocka_unit_test_setup_teardown(an_unproved_one_is_not_what_is_gone_back_to, setup, teardown),
    cmocka_unit_test_setup_teardown(a_proved_one_is_what_is_gone_back_to, setup, teardown),
    cmocka_unit_test_setup_teardown(one_that_no_core_takes_in_is_refused, setup, teardown),
    cmocka_unit_test_setup_teardown(since_when_it_is_refused, setup, teardown),
};

TEST_MAIN(tests)
