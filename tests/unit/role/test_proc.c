/* Role processes: this program plays them itself (proc_start() runs /proc/self/exe), each index
 * another fate. */
#include "service/role/child.h"
#include "service/role/proc.h"

#include "tests/support/main.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

enum fate { FATE_GOOD, FATE_EXIT_3, FATE_HANGS, FATE_CRASHES, FATE_BABBLES, FATE_DEAF, FATES };

/* -------------------------------------------------------------------- the child */

static void child_shutdown(void *user, usec_t within)
{
    (void)within;
    child_exit(*(struct child **)user, EXIT_SUCCESS);
}

static void child_deaf(void *user, usec_t within)
{
    (void)user, (void)within;
}

static void child_peer(void *user, const struct ipc_peer_msg *p, int *fd)
{
    struct child *c = *(struct child **)user;

    (void)p, (void)fd;
    child_status(c, "got a peer");
}

static const char *bad_script(void)
{
    return "http-bomb";
}

static int play(enum fate fate)
{
    struct child *c = NULL;
    const struct child_handlers h = {
        .user = &c,
        .peer = child_peer,
        .shutdown = fate == FATE_DEAF ? child_deaf : child_shutdown,
    };
    int r;

    if (fate == FATE_EXIT_3)
        return 3;
    if (child_open(&c, "test", &h, NULL) < 0)
        return 99;
    if (getenv("NOTIFY_SOCKET"))
        return 98;
    child_blame(bad_script);
    child_ready(c);
    if (fate == FATE_CRASHES)
        abort();
    if (fate == FATE_BABBLES)
        (void)!write(CHILD_FD, "nonsense", 8);
    while (fate == FATE_HANGS)
        pause();
    r = loop_run(child_loop(c));
    child_free(c);
    return r;
}

/* -------------------------------------------------------------------- the monitor */

static struct world {
    struct loop *loop;
    struct proc p;
    struct proc_handlers handlers;
    unsigned readies, gone;
    char why[96], status[64];
} w;

static void on_message(void *user, struct proc *p, const struct ipc_message *m, uint32_t id,
                       const union ipc_any *value)
{
    (void)user, (void)p, (void)id;
    w.readies += m->type == MSG_READY;
    if (m->type == MSG_STATUS)
        snprintf(w.status, sizeof w.status, "%s", value->status.text);
}

static void on_gone(void *user, struct proc *p, const char *why)
{
    (void)user, (void)p;
    w.gone++;
    snprintf(w.why, sizeof w.why, "%s", why);
}

static int setup(void **state)
{
    sigset_t chld;

    (void)state;
    sigemptyset(&chld);
    sigaddset(&chld, SIGCHLD);
    sigprocmask(SIG_BLOCK, &chld, NULL);
    memset(&w, 0, sizeof w);
    assert_int_equal(loop_new(&w.loop, NULL), 0);
    loop_fake_clock(w.loop, 1000 * USEC_PER_SEC);
    w.handlers = (struct proc_handlers){NULL, on_message, on_gone};
    proc_init(&w.p, w.loop, PROC_SCRIPT, &w.handlers);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    proc_done(&w.p);
    w.loop = loop_free(w.loop);
    return 0;
}

static void start(enum fate fate)
{
    struct err e = {0};

    w.p.index = fate;
    if (proc_start(&w.p, NULL, &e) < 0)
        fail_msg("%s", err_text(&e));
}

/* Turns the loop until the counter moves, at most 20 s of real time; the loop's own clock stands.
 */
static void wait_for(const unsigned *counter, unsigned want)
{
    for (int i = 0; i < 20000 && *counter < want; i++) {
        while (loop_turn(w.loop, 0) > 0)
            ;
        if (*counter < want)
            poll(NULL, 0, 1);
    }
    assert_int_equal(*counter, want);
}

static void a_role_greets_works_and_ends(void **state)
{
    int fds[2];

    (void)state;
    setenv("NOTIFY_SOCKET", "/nonexistent", 1);
    start(FATE_GOOD);
    wait_for(&w.readies, 1);
    assert_true(proc_is_well(&w.p));
    assert_int_equal(proc_start(&w.p, NULL, NULL), -EBUSY);
    assert_int_equal(channel_pair(fds), 0);
    assert_int_equal(proc_send(&w.p, MSG_PEER, 0, &(struct ipc_peer_msg){0}, fds[0]), 0);
    close(fds[0]);
    close(fds[1]);
    proc_stop(&w.p, USEC_PER_SEC);
    wait_for(&w.gone, 1);
    assert_string_equal(w.why, "exit status 0");
    assert_string_equal(w.status, "got a peer");
    assert_false(proc_running(&w.p));
    unsetenv("NOTIFY_SOCKET");
}

static void pings_are_answered(void **state)
{
    (void)state;
    start(FATE_GOOD);
    wait_for(&w.readies, 1);
    for (int i = 0; i < 20; i++) {
        usec_t before = w.p.heard;

        loop_fake_advance(w.loop, PROC_PING);
        for (int j = 0; j < 20000 && w.p.heard == before; j++) {
            loop_turn(w.loop, 0);
            poll(NULL, 0, 1);
        }
        assert_true(w.p.heard > before);
    }
    assert_int_equal(w.gone, 0);
}

static void an_exit_status_is_told(void **state)
{
    (void)state;
    start(FATE_EXIT_3);
    wait_for(&w.gone, 1);
    assert_string_equal(w.why, "exit status 3");
}

static void a_crash_names_its_script(void **state)
{
    (void)state;
    start(FATE_CRASHES);
    wait_for(&w.gone, 1);
    assert_string_equal(w.why, "signal 6 (Aborted)");
    assert_string_equal(w.p.blame, "http-bomb");
}

/* Ctrl-Z, or a frozen service: time passes for all of them, and nobody was asked meanwhile. */
static void a_role_is_not_blamed_for_a_monitor_that_stood_still(void **state)
{
    usec_t before;

    (void)state;
    start(FATE_GOOD);
    wait_for(&w.readies, 1);
    w.p.heard -= 60 * USEC_PER_SEC;
    before = w.p.heard;
    loop_fake_advance(w.loop, PROC_PING);
    assert_true(proc_is_well(&w.p));
    for (int j = 0; j < 20000 && w.p.heard == before; j++) {
        loop_turn(w.loop, 0);
        poll(NULL, 0, 1);
    }
    assert_int_equal(w.gone, 0);
    assert_true(w.p.heard > before);
}

static void a_role_that_hangs_is_killed_and_names_its_script(void **state)
{
    (void)state;
    start(FATE_HANGS);
    wait_for(&w.readies, 1);
    loop_fake_advance(w.loop, PROC_HUNG - PROC_PING);
    assert_true(proc_is_well(&w.p));
    loop_fake_advance(w.loop, PROC_PING + USEC_PER_SEC);
    wait_for(&w.gone, 1);
    assert_string_equal(w.why, "killed, it did not answer for 15 s");
    assert_string_equal(w.p.blame, "http-bomb");
}

static void a_role_that_babbles_is_killed(void **state)
{
    (void)state;
    start(FATE_BABBLES);
    wait_for(&w.gone, 1);
    assert_string_equal(w.why, "signal 9 (Killed)");
}

static void a_role_that_does_not_end_is_killed(void **state)
{
    (void)state;
    start(FATE_DEAF);
    wait_for(&w.readies, 1);
    proc_stop(&w.p, USEC_PER_SEC);
    loop_fake_advance(w.loop, USEC_PER_SEC);
    wait_for(&w.gone, 1);
    assert_string_equal(w.why, "signal 9 (Killed)");
}

static void short_lives_wait_longer(void **state)
{
    static const usec_t want[] = {0,       500000,   1000000,  2000000, 4000000,
                                  8000000, 16000000, 30000000, 30000000};

    (void)state;
    w.p.started = loop_now(w.loop);
    for (size_t i = 0; i < ARRAY_LEN(want); i++)
        assert_int_equal(proc_backoff(&w.p), want[i]);
    loop_fake_advance(w.loop, 61 * USEC_PER_SEC); /* lived long */
    assert_int_equal(proc_backoff(&w.p), 0);
}

#define PROC_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

static const struct CMUnitTest tests[] = {
    PROC_TEST(a_role_greets_works_and_ends),
    PROC_TEST(pings_are_answered),
    PROC_TEST(an_exit_status_is_told),
    PROC_TEST(a_crash_names_its_script),
    PROC_TEST(a_role_is_not_blamed_for_a_monitor_that_stood_still),
    PROC_TEST(a_role_that_hangs_is_killed_and_names_its_script),
    PROC_TEST(a_role_that_babbles_is_killed),
    PROC_TEST(a_role_that_does_not_end_is_killed),
    PROC_TEST(short_lives_wait_longer),
};

int main(int argc, char **argv)
{
    int r;

    for (int i = 1; i < argc; i++)
        if (strncmp(argv[i], "--index=", 8) == 0)
            return play((enum fate)strtoul(argv[i] + 8, NULL, 10));
    r = cmocka_run_group_tests_name("proc", tests, NULL, NULL);
    return r ? r : cmocka_run_group_tests_name("proc again", tests, NULL, NULL);
}
