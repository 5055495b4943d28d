/* What a script worker tells while the core is stalled: the core's end of the channel is read only
 * after all was said. */
#include "service/role/teller.h"

#include "tests/support/main.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define JOB         7
#define OUTPUT_LEN  200000
#define REASON_LEN  20000
#define QUEUE_LIMIT 100000
#define RESULTS     40

struct fixture {
    struct loop *loop;
    int core_fd;
    struct channel *core;
    struct teller teller;
    char *output;
    size_t pieces; /* bytes since the last result */
    unsigned n_results, n_ok, n_left_out;
    uint16_t last[2]; /* types */
    bool failed, cut;
};

static struct fixture f;

static void on_failed(void *user, const char *why)
{
    (void)user, (void)why;
    f.failed = true;
}

static void on_result(const struct script_result *r)
{
    f.n_results++;
    if (r->outcome == SCRIPT_SKIPPED) {
        f.n_left_out++;
        assert_string_equal(r->reason, "left out, the queue is full");
    } else {
        f.n_ok++;
        f.cut |= r->outcome == SCRIPT_OK && f.pieces != OUTPUT_LEN;
    }
    f.pieces = 0;
}

static void on_message(void *user, const struct ipc_message *m, uint32_t id,
                       const union ipc_any *value, int *fd)
{
    (void)user, (void)fd;
    assert_int_equal(id, JOB);
    if (m->type == MSG_RESULT_PIECE)
        f.pieces += value->piece.bytes.len;
    if (m->type == MSG_RESULT)
        on_result(&value->result);
    f.last[0] = f.last[1];
    f.last[1] = m->type;
}

static int setup(void **state)
{
    struct channel_opts o = {.peer = "core",
                             .receive = ROUTE_TO_SCRIPT,
                             .send = ROUTE_FROM_SCRIPT,
                             .queue_limit = QUEUE_LIMIT};
    int fds[2];

    (void)state;
    f = (struct fixture){.teller = {.failed = on_failed}, .output = malloc(OUTPUT_LEN + 1)};
    assert_non_null(f.output);
    memset(f.output, 'x', OUTPUT_LEN);
    f.output[OUTPUT_LEN] = '\0';
    assert_int_equal(loop_new(&f.loop, NULL), 0);
    assert_int_equal(channel_pair(fds), 0);
    f.core_fd = fds[0];
    o.fd = fds[1];
    assert_int_equal(channel_new(&f.teller.core, f.loop, &o, NULL), 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    channel_free(f.teller.core);
    channel_free(f.core);
    loop_free(f.loop);
    free(f.output);
    return 0;
}

static void core_reads_on(void)
{
    const struct channel_opts o = {.peer = "worker",
                                   .fd = f.core_fd,
                                   .receive = ROUTE_FROM_SCRIPT,
                                   .send = ROUTE_TO_SCRIPT,
                                   .message = on_message};

    assert_int_equal(channel_new(&f.core, f.loop, &o, NULL), 0);
    while (loop_turn(f.loop, 0) > 0)
        ;
}

static void say_the_end(void)
{
    struct ipc_host_done done = {0};

    assert_int_equal(addr_parse("192.0.2.1", &done.address), 0);
    tell_always(&f.teller, MSG_HOST_DONE, JOB, &done);
    tell_always(&f.teller, MSG_JOB_DONE, JOB, NULL);
}

static void expect_all_was_told(void)
{
    assert_false(f.failed);
    assert_false(f.cut);
    assert_int_equal(f.n_results, RESULTS);
    assert_true(f.n_ok > 0 && f.n_left_out > 0);
    assert_int_equal(f.last[0], MSG_HOST_DONE);
    assert_int_equal(f.last[1], MSG_JOB_DONE);
}

static void output_that_does_not_fit_is_left_out_as_a_whole(void **state)
{
    const struct script_result r = {.script = "s",
                                    .outcome = SCRIPT_OK,
                                    .output = f.output,
                                    .output_len = OUTPUT_LEN,
                                    .address = {.family = ADDR_V4}};

    (void)state;
    for (int i = 0; i < RESULTS; i++)
        tell_result(&f.teller, JOB, &r);
    say_the_end();
    core_reads_on();
    expect_all_was_told();
}

static void an_error_that_does_not_fit_is_left_out(void **state)
{
    struct script_result r = {
        .script = "s", .outcome = SCRIPT_ERROR, .address = {.family = ADDR_V4}};

    (void)state;
    f.output[REASON_LEN] = '\0';
    r.reason = f.output;
    for (int i = 0; i < RESULTS; i++)
        tell_result(&f.teller, JOB, &r);
    say_the_end();
    core_reads_on();
    expect_all_was_told();
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(output_that_does_not_fit_is_left_out_as_a_whole, setup,
                                    teardown),
    cmocka_unit_test_setup_teardown(an_error_that_does_not_fit_is_left_out, setup, teardown),
};

TEST_MAIN(tests)
