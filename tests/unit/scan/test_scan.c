/* A whole scan on the loop, by connect() against servers of this process on loopback: events, stop,
 * free, bad options. */
#include "engine/loop/guard.h"
#include "engine/scan/scan.h"
#include "engine/scan/targets.h"
#include "tests/support/main.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct fixture {
    struct loop *loop;
    struct scan *scan;
    struct target_list targets, excludes;
    struct port_set ports;
    struct scan_opts o;
    int listener;
    uint16_t port;

    unsigned hosts, open, closed, dones, ends;
    uint32_t summed;
    bool conclusive, complete;
    int status;
    enum { NOTHING, STOP_ON_HOST, FREE_ON_PORT, FREE_ON_HOST_DONE } act;
};

static void on_host(void *user, const struct host_finding *h)
{
    struct fixture *f = user;

    assert_int_equal(h->state, HOST_UP);
    assert_true(h->time > 0);
    f->hosts++;
    if (f->act == STOP_ON_HOST)
        scan_stop(f->scan);
}

static void on_port(void *user, const struct port_finding *p)
{
    struct fixture *f = user;

    f->open += p->state == PORT_OPEN;
    f->closed += p->state == PORT_CLOSED;
    if (f->act == FREE_ON_PORT)
        f->scan = scan_free(f->scan);
}

static void on_summary(void *user, const struct port_summary *s)
{
    ((struct fixture *)user)->summed += s->count;
}

static void on_host_done(void *user, const struct addr *a, bool conclusive)
{
    struct fixture *f = user;

    (void)a;
    f->dones++;
    f->conclusive = conclusive;
    if (f->act == FREE_ON_HOST_DONE)
        f->scan = scan_free(f->scan);
}

static void on_end(void *user, const struct coverage *c, int status)
{
    struct fixture *f = user;

    f->ends++;
    f->status = status;
    f->complete = c->complete;
    assert_string_equal(c->method, "connect");
    f->scan = scan_free(f->scan);
    loop_exit(f->loop, 0);
}

static const struct scan_sink sink = {on_host, on_port, on_summary, on_host_done, on_end};

static void listen_on_loopback(struct fixture *f)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;

    f->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(f->listener, (struct sockaddr *)&a, len), 0);
    assert_int_equal(listen(f->listener, 64), 0);
    assert_int_equal(getsockname(f->listener, (struct sockaddr *)&a, &len), 0);
    f->port = ntohs(a.sin_port);
}

static struct fixture set_up(const char *targets)
{
    struct fixture f = {.o = {.method = SCAN_CONNECT,
                              .ping.mask = SCAN_PING_NONE,
                              .max_retries = 2,
                              .report_closed = true}};

    assert_int_equal(loop_new(&f.loop, NULL), 0);
    listen_on_loopback(&f);
    assert_int_equal(target_list_add(&f.targets, targets, NULL), 0);
    port_set_add(&f.ports, PROTOCOL_TCP, f.port);
    port_set_add(&f.ports, PROTOCOL_TCP, 1);
    return f;
}

static int start(struct fixture *f, struct guard *g, struct err *e)
{
    f->o.targets = &f->targets.addrs;
    f->o.excludes = &f->excludes.addrs;
    f->o.ports = &f->ports;
    return scan_start(&f->scan, f->loop, g, &f->o, &sink, f, e);
}

static void tear_down(struct fixture *f)
{
    scan_free(f->scan);
    loop_free(f->loop);
    target_list_done(&f->targets);
    target_list_done(&f->excludes);
    close(f->listener);
}

static void a_scan_tells_host_ports_and_the_end(void **state)
{
    struct fixture f = set_up("127.0.0.1");
    struct err e = {0};

    (void)state;
    assert_int_equal(start(&f, NULL, &e), 0);
    assert_int_equal(f.hosts + f.ends, 0); /* nothing from inside scan_start() */
    loop_run(f.loop);
    assert_int_equal(f.hosts, 1);
    assert_int_equal(f.open, 1);
    assert_int_equal(f.closed, 1);
    assert_int_equal(f.dones, 1);
    assert_true(f.conclusive);
    assert_int_equal(f.ends, 1);
    assert_int_equal(f.status, 0);
    assert_true(f.complete);
    tear_down(&f);
}

static void closed_ports_are_one_line_unless_wanted(void **state)
{
    struct fixture f = set_up("127.0.0.1-4");

    (void)state;
    f.o.report_closed = false;
    assert_int_equal(start(&f, NULL, NULL), 0);
    loop_run(f.loop);
    assert_int_equal(f.hosts, 4);
    assert_int_equal(f.open, 1);
    assert_int_equal(f.closed, 0);
    assert_int_equal(f.summed, 7);
    tear_down(&f);
}

static void a_stopped_scan_ends_as_incomplete(void **state)
{
    struct fixture f = set_up("127.0.0.0/16");

    (void)state;
    f.act = STOP_ON_HOST;
    assert_int_equal(start(&f, NULL, NULL), 0);
    loop_run(f.loop);
    assert_int_equal(f.status, -ECANCELED);
    assert_false(f.complete);
    assert_int_equal(f.ends, 1);
    tear_down(&f);
}

static void a_scan_may_be_freed_from_its_own_events(void **state)
{
    (void)state;
    for (int act = FREE_ON_PORT; act <= FREE_ON_HOST_DONE; act++) {
        struct fixture f = set_up("127.0.0.0/24");

        f.act = act;
        assert_int_equal(start(&f, NULL, NULL), 0);
        for (int i = 0; i < 50; i++)
            loop_turn(f.loop, 1000);
        assert_null(f.scan);
        assert_true(f.open + f.closed <= 1 || act == FREE_ON_HOST_DONE);
        assert_true(f.dones <= 1);
        assert_int_equal(f.ends, 0);
        tear_down(&f);
    }
}

static void a_scan_may_be_freed_before_its_first_turn(void **state)
{
    struct fixture f = set_up("127.0.0.1");

    (void)state;
    assert_int_equal(start(&f, NULL, NULL), 0);
    f.scan = scan_free(f.scan);
    loop_turn(f.loop, 1000);
    assert_int_equal(f.ends, 0);
    tear_down(&f);
}

static void what_the_guard_forbids_is_left_undecided(void **state)
{
    struct fixture f = set_up("127.0.0.1");
    struct guard *g = NULL;
    struct guard_opts o = {0}; /* an empty scope allows nothing */

    (void)state;
    assert_int_equal(guard_new(&g, f.loop, &o, NULL), 0);
    assert_int_equal(start(&f, g, NULL), 0);
    loop_run(f.loop);
    assert_int_equal(f.open + f.closed, 0);
    assert_int_equal(f.dones, 1);
    assert_false(f.conclusive);
    assert_false(f.complete);
    assert_int_equal(guard_sent(g, GUARD_CONNECT), 0);
    tear_down(&f);
    guard_free(g);
}

static void what_cannot_be_scanned_is_refused_at_once(void **state)
{
    static const struct {
        const char *targets, *excludes, *interface;
        double max_rate;
        int want;
        const char *text;
    } cases[] = {
        {"127.0.0.1", "127.0.0.0/8", NULL, 0, -EINVAL, "no targets are left"},
        {"127.0.0.1", "192.0.2.1", "nosuchif0", 0, -ENODEV, "'nosuchif0'"},
        {"127.0.0.1", "192.0.2.1", NULL, -1, -EINVAL, "rate"},
        {"2001:db8::/64", "192.0.2.1", NULL, 0, -EOVERFLOW, "more addresses"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fixture f = set_up(cases[i].targets);
        struct err e = {0};

        assert_int_equal(target_list_add(&f.excludes, cases[i].excludes, NULL), 0);
        f.o.interface = cases[i].interface;
        f.o.max_rate = cases[i].max_rate;
        assert_int_equal(start(&f, NULL, &e), cases[i].want);
        if (!strstr(e.text, cases[i].text))
            fail_msg("%s", e.text);
        assert_null(f.scan);
        tear_down(&f);
    }
}

static const struct CMUnitTest scan[] = {
    cmocka_unit_test(a_scan_tells_host_ports_and_the_end),
    cmocka_unit_test(closed_ports_are_one_line_unless_wanted),
    cmocka_unit_test(a_stopped_scan_ends_as_incomplete),
    cmocka_unit_test(a_scan_may_be_freed_from_its_own_events),
    cmocka_unit_test(a_scan_may_be_freed_before_its_first_turn),
    cmocka_unit_test(what_the_guard_forbids_is_left_undecided),
    cmocka_unit_test(what_cannot_be_scanned_is_refused_at_once),
};

TEST_MAIN(scan)
