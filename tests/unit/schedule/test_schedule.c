/* The pass engine between a store without database and workers that the test plays itself, on a
 * clock that stands still. */
#include "service/ipc/channel.h"
#include "service/schedule/schedule.h"

#include "tests/support/main.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SEEN_MAX 512

static const char config_text[] = "scripts: {workers: 1, datadirs: [/nonexistent]}\n"
                                  "zones:\n"
                                  "- name: lab\n"
                                  "  networks: [10.0.0.0/24]\n"
                                  "  excludes: [10.0.0.3]\n"
                                  "  resolver: off\n"
                                  "  passes:\n"
                                  "  - {kind: ports, ports: \"22,80\"}\n"
                                  "  - {kind: scripts, scripts: \"http-*\"}\n";

/* A worker's end of a channel: what came, in order. */
struct peer {
    struct channel *c;
    uint16_t types[SEEN_MAX];
    uint32_t ids[SEEN_MAX];
    size_t n;
    struct addr_set scope; /* of SCOPE_TARGETS since the last start */
    char expression[256];
    struct addr last_host;
    unsigned n_ports;
    bool closed;
};

struct question {
    bool pending;
    unsigned n, kinds;
    store_claim_cb cb;
    void *user;
};

static struct world {
    struct loop *loop;
    struct schedule *s;
    struct peer scanner, worker;
    struct question questions[2]; /* scan kinds, script kinds */
    struct store_lease leases[8]; /* to be claimed */
    size_t n_leases;
    int apply_result;
    store_targets_cb targets_cb;
    void *targets_user;
    store_keep_cb keep_cb;
    void *keep_user;
    size_t n_kept;
    unsigned keeps;
    store_apply_cb apply_cbs[SEEN_MAX];
    void *apply_users[SEEN_MAX];
    size_t n_applied, n_answered;
    struct {
        size_t hosts, down, unsure, ports, results, scripts;
        size_t parts;
    } told;
    store_past_cb past_cb;
    void *past_user;
    uint64_t asked; /* of a sampling visit */
    store_cb sampled_cb;
    void *sampled_user;
    store_cb finish_cb;
    void *finish_user;
    bool database_is_away; /* ends of visits are not answered */
    unsigned finished, complete;
    char scope[64], method[32], ports[64];
    size_t n_sighted, n_listeners;
    struct addr sighted;
    store_sight_cb sight_cb;
    void *sight_user;
} w;

/* -------------------------------------------------------------------- the store */

static int fake_claim(void *user, const struct store_claim *c, store_claim_cb cb, void *cb_user)
{
    struct question *q = &w.questions[c->kinds & 1U << STORE_SCRIPTS ? 1 : 0];

    (void)user;
    assert_false(q->pending);
    *q = (struct question){true, c->n, c->kinds, cb, cb_user};
    return 0;
}

static int fake_keep(void *user, const struct store_keep *k, store_keep_cb cb, void *cb_user)
{
    (void)user;
    w.n_kept = k->n;
    w.keeps++;
    w.keep_cb = cb;
    w.keep_user = cb_user;
    return 0;
}

static int fake_targets(void *user, const struct store_lease *l, store_targets_cb cb, void *cb_user)
{
    (void)user, (void)l;
    w.targets_cb = cb;
    w.targets_user = cb_user;
    return 0;
}

static int fake_apply(void *user, struct store_lease *l, const struct store_part *p,
                      store_apply_cb cb, void *cb_user)
{
    (void)user;
    if (w.apply_result < 0)
        return w.apply_result;
    l->part++;
    w.told.parts++;
    w.told.hosts += p->n_hosts;
    w.told.scripts = p->n_scripts;
    for (size_t i = 0; i < p->n_hosts; i++) {
        w.told.down += p->hosts[i].finding.state == HOST_DOWN;
        w.told.unsure += p->hosts[i].unsure;
        w.told.ports += p->hosts[i].n_ports;
        w.told.results += p->hosts[i].n_results;
    }
    w.apply_cbs[w.n_applied] = cb;
    w.apply_users[w.n_applied++] = cb_user;
    return 0;
}

static int fake_past(void *user, const struct store_lease *l, store_past_cb cb, void *cb_user)
{
    (void)user, (void)l;
    w.past_cb = cb;
    w.past_user = cb_user;
    return 0;
}

static int fake_sampled(void *user, const struct store_lease *l, const struct addr_set *asked,
                        store_cb cb, void *cb_user)
{
    (void)user, (void)l;
    w.asked = addr_set_count(asked);
    w.sampled_cb = cb;
    w.sampled_user = cb_user;
    return 0;
}

static int fake_finish(void *user, const struct store_lease *l, const struct coverage *c,
                       store_cb cb, void *cb_user)
{
    (void)user, (void)l;
    w.finished++;
    w.complete += c->complete;
    snprintf(w.scope, sizeof w.scope, "%s", c->scope);
    snprintf(w.method, sizeof w.method, "%s", c->method);
    snprintf(w.ports, sizeof w.ports, "%s", c->ports ? c->ports : "");
    w.finish_cb = cb;
    w.finish_user = cb_user;
    return 0;
}

static int fake_sight(void *user, const struct store_sighting *list, size_t n, store_sight_cb cb,
                      void *cb_user)
{
    (void)user;
    w.n_sighted += n;
    w.sighted = list[0].address;
    w.sight_cb = cb;
    w.sight_user = cb_user;
    return 0;
}

static int fake_listeners(void *user, const struct store_listener *list, size_t n)
{
    (void)user, (void)list;
    w.n_listeners = n;
    return 0;
}

/* Answers what the engine asked, as a database would: later. */
static void serve(void)
{
    for (int i = 0; i < 2; i++) {
        struct question q = w.questions[i];
        struct store_lease mine[8];
        size_t n = 0, left = 0;

        if (!q.pending)
            continue;
        w.questions[i].pending = false;
        for (size_t j = 0; j < w.n_leases; j++)
            if (n < q.n && 1U << w.leases[j].kind & q.kinds)
                mine[n++] = w.leases[j];
            else
                w.leases[left++] = w.leases[j];
        w.n_leases = left;
        q.cb(q.user, 0, mine, n, USEC_INFINITY);
    }
    for (; w.n_answered < w.n_applied; w.n_answered++)
        w.apply_cbs[w.n_answered](w.apply_users[w.n_answered], 0, &(struct store_applied){0});
    if (w.finish_cb && !w.database_is_away) {
        store_cb cb = w.finish_cb;

        w.finish_cb = NULL;
        cb(w.finish_user, 0, NULL);
    }
}

static void run(void)
{
    for (int i = 0; i < 30; i++) {
        loop_turn(w.loop, 0);
        serve();
    }
}

/* -------------------------------------------------------------------- the workers */

static void on_message(void *user, const struct ipc_message *m, uint32_t id,
                       const union ipc_any *value, int *fd)
{
    struct peer *p = user;

    (void)fd;
    assert_true(p->n < SEEN_MAX);
    p->types[p->n] = m->type;
    p->ids[p->n++] = id;
    if (m->type == MSG_SCOPE && value->scope.which == SCOPE_TARGETS) {
        addr_set_done(&p->scope);
        assert_int_equal(ipc_ranges_get(&p->scope, &value->scope.ranges), 0);
    }
    if (m->type == MSG_SETUP)
        snprintf(p->expression, sizeof p->expression, "%s", value->setup.expression);
    if (m->type == MSG_JOB_HOST)
        p->last_host = value->target.address;
    p->n_ports += m->type == MSG_JOB_PORT;
}

static void on_closed(void *user, int status, const char *why)
{
    (void)status, (void)why;
    ((struct peer *)user)->closed = true;
}

static int peer_open(struct peer *p, unsigned receive, unsigned send)
{
    struct channel_opts o = {
        .peer = "core",
        .receive = receive,
        .send = send,
        .user = p,
        .message = on_message,
        .closed = on_closed,
    };
    int fds[2];

    channel_free(p->c);
    addr_set_done(&p->scope);
    *p = (struct peer){0};
    assert_int_equal(channel_pair(fds), 0);
    o.fd = fds[0];
    assert_int_equal(channel_new(&p->c, w.loop, &o, NULL), 0);
    return fds[1];
}

static void scanner_starts(void)
{
    int fd = peer_open(&w.scanner, ROUTE_TO_SCANNER, ROUTE_FROM_SCANNER);

    assert_int_equal(schedule_scanner(w.s, fd, NULL), 0);
    run();
}

static void worker_starts(void)
{
    int fd = peer_open(&w.worker, ROUTE_TO_SCRIPT, ROUTE_FROM_SCRIPT);

    assert_int_equal(schedule_worker(w.s, 0, fd, NULL), 0);
    run();
}

static unsigned count(const struct peer *p, uint16_t type)
{
    unsigned n = 0;

    for (size_t i = 0; i < p->n; i++)
        n += p->types[i] == type;
    return n;
}

static uint32_t id_of(const struct peer *p, uint16_t type)
{
    for (size_t i = p->n; i-- > 0;)
        if (p->types[i] == type)
            return p->ids[i];
    fail_msg("no message of type %u came", type);
    return 0;
}

/* -------------------------------------------------------------------- set-up */

static struct config *config_of(const char *text)
{
    struct config *c = NULL;
    struct err e = {0};

    if (config_load_data(&c, "muster.yaml", text, strlen(text), NULL, NULL, &e) < 0)
        fail_msg("%s", err_text(&e));
    return c;
}

static int setup(void **state)
{
    const struct schedule_store store = {
        .claim = fake_claim,
        .keep = fake_keep,
        .targets = fake_targets,
        .apply = fake_apply,
        .finish = fake_finish,
        .sampled = fake_sampled,
        .past = fake_past,
        .sight = fake_sight,
        .listeners = fake_listeners,
    };

    (void)state;
    memset(&w, 0, sizeof w);
    assert_int_equal(loop_new(&w.loop, NULL), 0);
    loop_fake_clock(w.loop, 1000000 * USEC_PER_SEC);
    assert_int_equal(schedule_new(&w.s, w.loop, &store), 0);
    assert_int_equal(schedule_config(w.s, config_of(config_text), NULL), 0);
    schedule_enable(w.s);
    scanner_starts();
    worker_starts();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    run();
    w.s = schedule_free(w.s);
    w.scanner.c = channel_free(w.scanner.c);
    w.worker.c = channel_free(w.worker.c);
    addr_set_done(&w.scanner.scope);
    addr_set_done(&w.worker.scope);
    w.loop = loop_free(w.loop);
    return 0;
}

static struct addr host(uint32_t n)
{
    return addr_v4(0x0a000000 + n);
}

static struct addr addr_of(const char *text)
{
    struct prefix p;

    assert_int_equal(prefix_parse(text, &p, NULL), 0);
    return p.addr;
}

static void due_between(enum store_kind kind, struct addr first, struct addr last)
{
    static const char *const passes[] = {
        [STORE_PRESENCE] = "presence", [STORE_PORTS] = "ports", [STORE_SCRIPTS] = "scripts"};
    struct store_lease *l = &w.leases[w.n_leases++];

    *l = (struct store_lease){
        .fence = 100 + (int64_t)w.n_leases,
        .kind = kind,
        .first = first,
        .last = last,
        .zone = "lab",
    };
    snprintf(l->pass, sizeof l->pass, "%s", passes[kind]);
    loop_fake_advance(w.loop, 2 * USEC_PER_SEC);
    run();
}

static void due(enum store_kind kind, uint32_t last)
{
    due_between(kind, host(0), host(last));
}

static void found_at(uint32_t id, const struct addr *a, enum host_state state, unsigned ports)
{
    const struct host_finding h = {.address = *a, .state = state};
    const struct ipc_scan_host_done done = {.address = *a, .conclusive = true};
    struct port_finding p = {
        .address = *a, .protocol = PROTOCOL_TCP, .port = 22, .state = PORT_OPEN};

    assert_int_equal(channel_send(w.scanner.c, MSG_SCAN_HOST, id, &h), 0);
    for (unsigned i = 0; i < ports; i++, p.port++)
        assert_int_equal(channel_send(w.scanner.c, MSG_SCAN_PORT, id, &p), 0);
    assert_int_equal(channel_send(w.scanner.c, MSG_SCAN_HOST_DONE, id, &done), 0);
    run();
}

static void found(uint32_t id, uint32_t n, enum host_state state, unsigned ports)
{
    const struct addr a = host(n);

    found_at(id, &a, state, ports);
}

static void scan_ends(uint32_t id, int error)
{
    const struct ipc_scan_done done = {
        .error = (uint32_t)error,
        .text = error ? "no such interface" : NULL,
        .coverage = {.method = "syn", .complete = !error},
    };

    assert_int_equal(channel_send(w.scanner.c, MSG_SCAN_DONE, id, &done), 0);
    run();
}

/* -------------------------------------------------------------------- scans */

static void a_scan_is_ordered_and_its_findings_are_told(void **state)
{
    uint32_t id;

    (void)state;
    due(STORE_PORTS, 3);
    assert_int_equal(count(&w.scanner, MSG_ZONE), 1);
    assert_int_equal(count(&w.scanner, MSG_SCAN_PORTS), 1);
    id = id_of(&w.scanner, MSG_SCAN_START);
    assert_int_equal(addr_set_count(&w.scanner.scope), 3); /* .3 is excluded */
    found(id, 0, HOST_DOWN, 0);
    found(id, 1, HOST_UP, 2);
    found(id, 2, HOST_UP, 0);
    assert_int_equal(w.told.parts, 0); /* wait a little for more */
    loop_fake_advance(w.loop, 500 * USEC_PER_MSEC);
    run();
    assert_int_equal(w.told.parts, 1);
    assert_int_equal(w.told.hosts, 3);
    assert_int_equal(w.told.down, 1);
    assert_int_equal(w.told.ports, 2);
    assert_int_equal(w.told.unsure, 0);
    scan_ends(id, 0);
    assert_int_equal(w.finished, 1);
    assert_int_equal(w.complete, 1);
    assert_string_equal(w.scope, "10.0.0.0/30");
    assert_string_equal(w.method, "syn");
    assert_string_equal(w.ports, "22,80");
    assert_int_equal(schedule_visits(w.s), 0);
}

static void an_empty_block_is_sampled_and_only_the_sample_counts(void **state)
{
    static const char text[] = "scripts: {workers: 1, datadirs: [/nonexistent]}\n"
                               "zones:\n"
                               "- name: lab\n"
                               "  networks: [10.0.0.0/24]\n"
                               "  resolver: off\n"
                               "  passes:\n"
                               "  - {kind: ports, ports: \"22,80\", sample: 2}\n";
    const struct addr_set nobody = {0};
    struct addr_set former = {0};
    const struct addr old = host(77);
    struct ipc_scan_done done = {.coverage = {.method = "syn", .complete = true, .sampled = 1}};
    uint32_t id;

    (void)state;
    assert_int_equal(schedule_config(w.s, config_of(text), NULL), 0);
    due(STORE_PORTS, 255);
    assert_int_equal(count(&w.scanner, MSG_SCAN_START), 0); /* the past is asked for first */
    assert_int_equal(addr_set_add(&former, &old, &old), 0);
    w.past_cb(w.past_user, 0, &nobody, &former, false);
    addr_set_done(&former);
    run();
    id = id_of(&w.scanner, MSG_SCAN_START);
    found(id, 77, HOST_DOWN, 0);
    found(id, 1, HOST_DOWN, 0);
    assert_int_equal(channel_send(w.scanner.c, MSG_SCAN_DONE, id, &done), 0);
    run();
    assert_int_equal(w.asked, 2);
    assert_int_equal(w.finished, 0);
    w.sampled_cb(w.sampled_user, 0, NULL);
    run();
    assert_int_equal(w.finished, 1);
    assert_int_equal(w.complete, 1);
    assert_int_equal(w.told.down, 2);
}

/* A lease of the only block of this zone. */
static void wide_due(void)
{
    static const char text[] = "scripts: {workers: 1, datadirs: [/nonexistent]}\n"
                               "zones:\n"
                               "- name: lab\n"
                               "  networks: ['fd00::/64']\n"
                               "  resolver: off\n"
                               "  passes:\n"
                               "  - {kind: presence, sample: 2}\n";

    assert_int_equal(schedule_config(w.s, config_of(text), NULL), 0);
    due_between(STORE_PRESENCE, addr_of("fd00::"), addr_of("fd00::ffff:ffff:ffff:ffff"));
    assert_int_equal(count(&w.scanner, MSG_SCAN_START), 0);
}

static void of_a_wide_block_the_known_addresses_are_asked(void **state)
{
    const struct addr here = addr_of("fd00::1"), there = addr_of("fd00::1:2:3:4");
    struct addr_set present = {0}, former = {0};

    (void)state;
    wide_due();
    assert_int_equal(addr_set_add(&present, &here, &here), 0);
    assert_int_equal(addr_set_add(&former, &there, &there), 0);
    w.past_cb(w.past_user, 0, &present, &former, true);
    addr_set_done(&present);
    addr_set_done(&former);
    run();
    assert_int_equal(addr_set_count(&w.scanner.scope), 2);
    found_at(id_of(&w.scanner, MSG_SCAN_START), &here, HOST_UP, 0);
    found_at(id_of(&w.scanner, MSG_SCAN_START), &there, HOST_DOWN, 0);
    scan_ends(id_of(&w.scanner, MSG_SCAN_START), 0);
    assert_int_equal(w.finished, 1);
    assert_int_equal(w.complete, 1);
    assert_int_equal(w.told.hosts, 2);
    assert_string_equal(w.scope, "fd00::/64");
}

static void a_wide_block_without_anybody_waits_for_them_to_be_heard_and_is_looked_at(void **state)
{
    const struct addr_set nobody = {0};

    (void)state;
    wide_due();
    w.past_cb(w.past_user, 0, &nobody, &nobody, false);
    w.past_cb = NULL;
    run();
    assert_int_equal(w.finished, 0);
    loop_fake_advance(w.loop, 10 * USEC_PER_SEC);
    run();
    assert_non_null(w.past_cb);
    w.past_cb(w.past_user, 0, &nobody, &nobody, false);
    run();
    assert_int_equal(count(&w.scanner, MSG_SCAN_START), 0);
    assert_int_equal(w.finished, 1);
    assert_int_equal(w.complete, 1);
}

static void a_scan_that_left_hosts_out_is_not_complete(void **state)
{
    uint32_t id;

    (void)state;
    due(STORE_PORTS, 2);
    id = id_of(&w.scanner, MSG_SCAN_START);
    found(id, 0, HOST_UP, 1);
    scan_ends(id, 0);
    assert_int_equal(w.finished, 1);
    assert_int_equal(w.complete, 0);
}

static void a_scan_that_cannot_be_made_gives_the_visit_up(void **state)
{
    (void)state;
    due(STORE_PORTS, 2);
    scan_ends(id_of(&w.scanner, MSG_SCAN_START), ENODEV);
    assert_int_equal(w.finished, 1);
    assert_int_equal(w.complete, 0);
    assert_int_equal(w.told.hosts, 0);
}

static void after_the_death_of_the_scanner_the_rest_is_asked_once_more(void **state)
{
    uint32_t id;

    (void)state;
    due(STORE_PORTS, 5); /* .3 is excluded */
    id = id_of(&w.scanner, MSG_SCAN_START);
    found(id, 0, HOST_UP, 1);
    found(id, 4, HOST_UP, 1);
    schedule_scanner_gone(w.s, "signal 9");
    run();
    assert_int_equal(w.finished, 0);
    scanner_starts();
    assert_int_equal(count(&w.scanner, MSG_ZONE), 1);
    assert_int_equal(addr_set_count(&w.scanner.scope), 3);
    id = id_of(&w.scanner, MSG_SCAN_START);
    found(id, 1, HOST_UP, 0);
    found(id, 2, HOST_DOWN, 0);
    found(id, 5, HOST_DOWN, 0);
    scan_ends(id, 0);
    assert_int_equal(w.complete, 1);
    assert_int_equal(w.told.hosts, 5);
}

static void a_second_death_gives_the_visit_up(void **state)
{
    (void)state;
    due(STORE_PORTS, 2);
    schedule_scanner_gone(w.s, "signal 9");
    run();
    scanner_starts();
    assert_int_equal(w.finished, 0);
    schedule_scanner_gone(w.s, "signal 9");
    run();
    assert_int_equal(w.finished, 1);
    assert_int_equal(w.complete, 0);
}

static void a_scan_waits_for_a_scanner(void **state)
{
    (void)state;
    schedule_scanner_gone(w.s, "signal 9");
    due(STORE_PORTS, 2);
    assert_int_equal(schedule_visits(w.s), 1);
    scanner_starts();
    assert_int_equal(count(&w.scanner, MSG_SCAN_START), 1);
}

static void a_store_that_takes_nothing_loses_nothing(void **state)
{
    uint32_t id;

    (void)state;
    due(STORE_PORTS, 2);
    id = id_of(&w.scanner, MSG_SCAN_START);
    w.apply_result = -EAGAIN;
    for (uint32_t i = 0; i < 3; i++)
        found(id, i, HOST_UP, 1);
    scan_ends(id, 0);
    assert_int_equal(w.told.hosts, 0);
    assert_int_equal(w.finished, 0);
    w.apply_result = 0;
    schedule_drained(w.s);
    run();
    assert_int_equal(w.told.hosts, 3);
    assert_int_equal(w.complete, 1);
}

static void leases_are_renewed_and_lost_ones_dropped(void **state)
{
    int64_t lost;

    (void)state;
    due(STORE_PORTS, 2);
    lost = 101;
    loop_fake_advance(w.loop, 20 * USEC_PER_SEC);
    assert_int_equal(w.n_kept, 1);
    w.keep_cb(w.keep_user, 0, &lost, 1);
    run();
    assert_int_equal(schedule_visits(w.s), 0);
    assert_int_equal(w.finished, 0);
    assert_int_equal(count(&w.scanner, MSG_SCAN_STOP), 1);
}

/* What it found waits with its end for the database: the lease must hold until both are written. */
static void leases_of_visits_that_wait_to_end_are_renewed(void **state)
{
    int64_t lost = 101;

    (void)state;
    w.database_is_away = true;
    due(STORE_PORTS, 2);
    scan_ends(id_of(&w.scanner, MSG_SCAN_START), 0);
    assert_int_equal(w.finished, 1);
    loop_fake_advance(w.loop, 20 * USEC_PER_SEC);
    assert_int_equal(w.n_kept, 1);
    w.keep_cb(w.keep_user, 0, &lost, 1); /* it was over before the question came */
    assert_int_equal(schedule_visits(w.s), 1);
    w.database_is_away = false;
    run();
    assert_int_equal(schedule_visits(w.s), 0);
}

static void one_heartbeat_is_under_way_at_a_time(void **state)
{
    (void)state;
    due(STORE_PORTS, 2);
    for (int i = 0; i < 6; i++) {
        loop_fake_advance(w.loop, 20 * USEC_PER_SEC);
        run();
    }
    assert_int_equal(w.keeps, 1);
    w.keep_cb(w.keep_user, 0, NULL, 0); /* the database is back: now those that it does not know */
    loop_fake_advance(w.loop, 0);
    assert_int_equal(w.keeps, 2);
    w.keep_cb(w.keep_user, 0, NULL, 0);
    loop_fake_advance(w.loop, 19 * USEC_PER_SEC);
    assert_int_equal(w.keeps, 2);
    loop_fake_advance(w.loop, USEC_PER_SEC);
    assert_int_equal(w.keeps, 3);
}

static void stopping_ends_visits_with_what_they_have(void **state)
{
    uint32_t id;

    (void)state;
    due(STORE_PORTS, 2);
    id = id_of(&w.scanner, MSG_SCAN_START);
    found(id, 1, HOST_UP, 1);
    schedule_stop(w.s);
    run();
    assert_int_equal(w.told.hosts, 1);
    assert_int_equal(w.finished, 1);
    assert_int_equal(w.complete, 0);
    assert_int_equal(schedule_visits(w.s), 0);
    due(STORE_PORTS, 2);
    assert_int_equal(schedule_visits(w.s), 0);
}

static void a_visit_ends_under_the_configuration_it_began_with(void **state)
{
    uint32_t id;

    (void)state;
    due(STORE_PORTS, 2);
    id = id_of(&w.scanner, MSG_SCAN_START);
    assert_int_equal(schedule_config(w.s, config_of(config_text), NULL), 0);
    run();
    assert_int_equal(count(&w.scanner, MSG_ZONE), 2);
    assert_int_equal(count(&w.scanner, MSG_ZONE_DROP), 0);
    for (uint32_t i = 0; i < 3; i++)
        found(id, i, HOST_UP, 1);
    scan_ends(id, 0);
    assert_int_equal(w.complete, 1);
    assert_int_equal(count(&w.scanner, MSG_ZONE_DROP), 1);
}

static void a_lease_of_a_pass_that_is_gone_is_given_back(void **state)
{
    (void)state;
    assert_int_equal(schedule_config(w.s, config_of("zones:\n"), NULL), 0);
    due(STORE_PORTS, 2);
    assert_int_equal(schedule_visits(w.s), 0);
    assert_int_equal(w.finished, 1);
    assert_int_equal(w.complete, 0);
}

/* Else scanner or worker would be dropped as one that takes no orders, again and again. */
static void what_cannot_be_told_to_a_worker_is_refused(void **state)
{
    static const struct {
        const char *before, *fill, *after, *want;
    } cases[] = {
        {"  passes:\n  - {kind: presence, probes: [syn], syn_ports: \"22", ",22", "\"}\n",
         "zone 'lab', pass 'presence': a text of its is too long: ports of a probe"},
        {"  interface: \"x", "xxx", "\"\n",
         "zone 'lab': a text of its is too long: a list of ports, or the name of an interface"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CLEANUP(buf_done) struct buf text = {0};
        struct err e = {0};

        buf_printf(&text, "zones:\n- name: lab\n  networks: [10.0.0.0/24]\n%s", cases[i].before);
        for (size_t k = 0; k < 3000 / strlen(cases[i].fill); k++)
            buf_str(&text, cases[i].fill);
        buf_str(&text, cases[i].after);
        assert_int_equal(schedule_config(w.s, config_of(text.data), &e), -EINVAL);
        assert_string_equal(err_text(&e), cases[i].want);
    }
    due(STORE_PORTS, 2);
    assert_int_equal(schedule_visits(w.s), 1); /* under what was in force */
}

static void arguments_that_no_worker_takes_are_refused(void **state)
{
    char path[] = "/tmp/muster-args-XXXXXX";
    int fd = mkstemp(path);
    CLEANUP(buf_done) struct buf text = {0};
    struct err e = {0};

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(dprintf(fd, "a=%017000d", 0), 17002);
    close(fd);
    buf_printf(&text,
               "scripts: {datadirs: [/nonexistent], args_file: %s}\nzones:\n- name: lab\n"
               "  networks: [10.0.0.0/24]\n  passes:\n  - {kind: scripts}\n",
               path);
    assert_int_equal(schedule_config(w.s, config_of(text.data), &e), -EINVAL);
    assert_string_equal(err_text(&e),
                        "zone 'lab', pass 'scripts': a text of its is too long: scripts, or their "
                        "arguments (16 KiB with those for all)");
    assert_int_equal(unlink(path), 0);
}

/* -------------------------------------------------------------------- scripts */

static void targets(size_t n)
{
    const struct port_finding ports[] = {
        {.address = host(1), .protocol = PROTOCOL_TCP, .port = 80, .state = PORT_OPEN}};
    struct store_target t[4];

    for (size_t i = 0; i < n; i++)
        t[i] =
            (struct store_target){.address = host((uint32_t)i + 4), .ports = ports, .n_ports = 1};
    assert_non_null(w.targets_cb);
    w.targets_cb(w.targets_user, 0, t, n);
    run();
}

static void worker_is_set_up(void)
{
    const struct ipc_setup_done done = {.selected = 2};
    const struct ipc_selected scripts[] = {{"http-title", ""}, {"http-bomb", ""}};

    for (size_t i = 0; i < ARRAY_LEN(scripts); i++)
        assert_int_equal(channel_send(w.worker.c, MSG_SELECTED, 0, &scripts[i]), 0);
    assert_int_equal(channel_send(w.worker.c, MSG_SETUP_DONE, 0, &done), 0);
    run();
}

static void scripted(uint32_t job, uint32_t n)
{
    const struct ipc_result_piece piece = {PIECE_OUTPUT, {(const uint8_t *)"title", 5}};
    const struct script_result r = {.phase = SCRIPT_PORT,
                                    .address = host(n),
                                    .protocol = PROTOCOL_TCP,
                                    .port = 80,
                                    .script = "http-title"};
    const struct ipc_host_done done = {.address = host(n)};

    assert_int_equal(channel_send(w.worker.c, MSG_RESULT_PIECE, job, &piece), 0);
    assert_int_equal(channel_send(w.worker.c, MSG_RESULT, job, &r), 0);
    assert_int_equal(channel_send(w.worker.c, MSG_HOST_DONE, job, &done), 0);
    run();
}

static void scripts_run_on_the_hosts_of_the_store(void **state)
{
    uint32_t job;

    (void)state;
    due(STORE_SCRIPTS, 7);
    targets(2);
    assert_int_equal(count(&w.worker, MSG_SETUP), 1);
    assert_string_equal(w.worker.expression,
                        "(http-*) and not (brute or dos or exploit or external or fuzzer or "
                        "intrusive)");
    assert_int_equal(count(&w.worker, MSG_JOB_START), 0);
    worker_is_set_up();
    job = id_of(&w.worker, MSG_JOB_START);
    assert_int_equal(count(&w.worker, MSG_JOB_HOST_END), 2);
    assert_int_equal(w.worker.n_ports, 2);
    scripted(job, 4);
    assert_int_equal(count(&w.worker, MSG_JOB_FINISH), 0);
    scripted(job, 5);
    assert_int_equal(count(&w.worker, MSG_JOB_FINISH), 1);
    assert_int_equal(channel_send(w.worker.c, MSG_JOB_DONE, job, NULL), 0);
    run();
    assert_int_equal(w.told.hosts, 2);
    assert_int_equal(w.told.results, 2);
    assert_int_equal(w.told.scripts, 2);
    assert_int_equal(w.complete, 1);
    assert_string_equal(w.method, "script");
}

static void a_block_without_hosts_is_done_at_once(void **state)
{
    (void)state;
    due(STORE_SCRIPTS, 7);
    targets(0);
    assert_int_equal(count(&w.worker, MSG_SETUP), 0);
    assert_int_equal(w.complete, 1);
}

static void the_next_visit_of_a_pass_needs_no_new_setup(void **state)
{
    (void)state;
    scripts_run_on_the_hosts_of_the_store(state);
    due(STORE_SCRIPTS, 7);
    targets(1);
    assert_int_equal(count(&w.worker, MSG_SETUP), 1);
    assert_int_equal(count(&w.worker, MSG_JOB_START), 2);
}

/* The worker dies while http-bomb runs. */
static void worker_dies(void)
{
    schedule_worker_gone(w.s, 0, "http-bomb", "signal 6");
    run();
    worker_starts();
}

static void a_script_that_kills_its_worker_twice_is_left_out(void **state)
{
    uint32_t job;

    (void)state;
    due(STORE_SCRIPTS, 7);
    targets(2);
    worker_is_set_up();
    scripted(id_of(&w.worker, MSG_JOB_START), 4);
    worker_dies();
    worker_is_set_up();
    assert_int_equal(count(&w.worker, MSG_JOB_HOST_END), 1); /* the other was done */
    assert_null(strstr(w.worker.expression, "http-bomb"));
    worker_dies();
    assert_non_null(strstr(w.worker.expression, " or http-bomb)"));
    worker_is_set_up();
    job = id_of(&w.worker, MSG_JOB_START);
    scripted(job, 5);
    assert_int_equal(channel_send(w.worker.c, MSG_JOB_DONE, job, NULL), 0);
    run();
    assert_int_equal(w.complete, 1);
    assert_int_equal(w.told.hosts, 2);
}

static void deaths_without_a_culprit_give_the_visit_up(void **state)
{
    (void)state;
    due(STORE_SCRIPTS, 7);
    targets(1);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(w.finished, 0);
        schedule_worker_gone(w.s, 0, NULL, "signal 9");
        run();
        worker_starts();
    }
    assert_int_equal(w.finished, 1);
    assert_int_equal(w.complete, 0);
}

static void scripts_that_cannot_be_selected_give_the_visit_up(void **state)
{
    const struct ipc_setup_done done = {.error = ENOENT, .text = "'http-*' matches no script"};

    (void)state;
    due(STORE_SCRIPTS, 7);
    targets(1);
    assert_int_equal(channel_send(w.worker.c, MSG_SETUP_DONE, 0, &done), 0);
    run();
    assert_int_equal(w.finished, 1);
    assert_int_equal(w.complete, 0);
}

/* The worker is set up for one pass, whose visit ends meanwhile; another pass waits for it. */
static void a_worker_that_was_set_up_for_nobody_takes_who_waits(void **state)
{
    static const char text[] = "scripts: {workers: 1, datadirs: [/nonexistent]}\n"
                               "zones:\n"
                               "- name: lab\n"
                               "  networks: [10.0.0.0/24]\n"
                               "  resolver: off\n"
                               "  passes:\n"
                               "  - {kind: scripts, scripts: \"http-*\"}\n"
                               "  - {kind: scripts, name: other, scripts: \"ssh-*\"}\n";
    int64_t lost = 101;

    (void)state;
    assert_int_equal(schedule_config(w.s, config_of(text), NULL), 0);
    due(STORE_SCRIPTS, 7);
    targets(1);
    w.leases[w.n_leases++] = (struct store_lease){.fence = 200,
                                                  .kind = STORE_SCRIPTS,
                                                  .first = host(0),
                                                  .last = host(7),
                                                  .zone = "lab",
                                                  .pass = "other"};
    loop_fake_advance(w.loop, 2 * USEC_PER_SEC);
    run();
    targets(1);
    loop_fake_advance(w.loop, 20 * USEC_PER_SEC);
    w.keep_cb(w.keep_user, 0, &lost, 1);
    run();
    assert_int_equal(schedule_visits(w.s), 1);
    assert_int_equal(count(&w.worker, MSG_SETUP), 1);
    worker_is_set_up();
    assert_int_equal(count(&w.worker, MSG_SETUP), 2);
    assert_non_null(strstr(w.worker.expression, "ssh-*"));
    worker_is_set_up();
    assert_int_equal(count(&w.worker, MSG_JOB_START), 1);
}

static void due_at_once(uint32_t n)
{
    const struct addr a = host(n);

    w.leases[0] = (struct store_lease){.fence = 7,
                                       .kind = STORE_SCRIPTS,
                                       .first = host(0),
                                       .last = host(255),
                                       .zone = "lab",
                                       .pass = "scripts"};
    w.n_leases = 1;
    assert_int_equal(addr_set_add(&w.leases[0].only, &a, &a), 0);
    loop_fake_advance(w.loop, 2 * USEC_PER_SEC);
    run();
}

static void hosts_just_seen_with_new_ports_go_first(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        due(STORE_SCRIPTS, 7);
        targets(1);
    }
    due_at_once(4);
    targets(3); /* only 10.0.0.4 is asked for */
    worker_is_set_up();
    assert_int_equal(count(&w.worker, MSG_JOB_START), 3);
    assert_int_equal(count(&w.worker, MSG_JOB_HOST), 3);
}

/* What overtook others in the line must not make the worker forget them. */
static void those_that_were_overtaken_are_fed_too(void **state)
{
    (void)state;
    schedule_worker_gone(w.s, 0, NULL, "signal 9");
    run();
    due(STORE_SCRIPTS, 7);
    targets(1);
    due_at_once(4);
    targets(1);
    worker_starts();
    worker_is_set_up();
    assert_int_equal(count(&w.worker, MSG_JOB_START), 2);
    assert_int_equal(count(&w.worker, MSG_JOB_HOST), 2);
}

static void a_visit_may_end_while_its_hosts_are_asked_for(void **state)
{
    (void)state;
    due(STORE_SCRIPTS, 7);
    schedule_stop(w.s);
    run();
    assert_int_equal(w.finished, 1);
    targets(1); /* late */
    assert_int_equal(count(&w.worker, MSG_SETUP), 0);
}

#define ENGINE_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

static void what_the_scanner_hears_is_stored_and_news_are_claimed_at_once(void **state)
{
    struct sighting s = {.source = "arp", .interface = "eth0", .has_mac = true};
    const struct ipc_listener l = {.interface = "eth0", .up = true};
    CLEANUP(buf_done) struct buf text = {0};
    uint32_t zone = 0;

    (void)state;
    assert_int_equal(count(&w.scanner, MSG_LISTEN), 1);
    for (size_t i = 0; i < w.scanner.n; i++)
        zone = w.scanner.types[i] == MSG_LISTEN ? w.scanner.ids[i] : zone;
    run();
    serve();
    assert_false(w.questions[0].pending);
    s.addresses[0] = host(9);
    assert_int_equal(channel_send(w.scanner.c, MSG_SIGHTING, zone, &s), 0);
    run();
    assert_int_equal(w.n_sighted, 1);
    assert_true(addr_equal(&w.sighted, &s.addresses[0]));
    w.sight_cb(w.sight_user, 0, "n", 1, NULL);
    assert_true(w.questions[0].pending); /* no time has passed */

    assert_int_equal(channel_send(w.scanner.c, MSG_SIGHTING, zone + 1, &s),
                     0); /* no zone of ours */
    assert_int_equal(channel_send(w.scanner.c, MSG_LISTENER, 0, &l), 0);
    run();
    loop_fake_advance(w.loop, 0);
    run();
    assert_int_equal(w.n_sighted, 1);
    assert_int_equal(w.n_listeners, 1);
    schedule_status(w.s, &text);
    assert_non_null(strstr(text.data, "listening on eth0"));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(what_the_scanner_hears_is_stored_and_news_are_claimed_at_once,
                                    setup, teardown),
    ENGINE_TEST(a_scan_is_ordered_and_its_findings_are_told),
    ENGINE_TEST(an_empty_block_is_sampled_and_only_the_sample_counts),
    ENGINE_TEST(of_a_wide_block_the_known_addresses_are_asked),
    ENGINE_TEST(a_wide_block_without_anybody_waits_for_them_to_be_heard_and_is_looked_at),
    ENGINE_TEST(a_scan_that_left_hosts_out_is_not_complete),
    ENGINE_TEST(a_scan_that_cannot_be_made_gives_the_visit_up),
    ENGINE_TEST(after_the_death_of_the_scanner_the_rest_is_asked_once_more),
    ENGINE_TEST(a_second_death_gives_the_visit_up),
    ENGINE_TEST(a_scan_waits_for_a_scanner),
    ENGINE_TEST(a_store_that_takes_nothing_loses_nothing),
    ENGINE_TEST(leases_are_renewed_and_lost_ones_dropped),
    ENGINE_TEST(leases_of_visits_that_wait_to_end_are_renewed),
    ENGINE_TEST(one_heartbeat_is_under_way_at_a_time),
    ENGINE_TEST(stopping_ends_visits_with_what_they_have),
    ENGINE_TEST(a_visit_ends_under_the_configuration_it_began_with),
    ENGINE_TEST(a_lease_of_a_pass_that_is_gone_is_given_back),
    ENGINE_TEST(scripts_run_on_the_hosts_of_the_store),
    ENGINE_TEST(a_block_without_hosts_is_done_at_once),
    ENGINE_TEST(the_next_visit_of_a_pass_needs_no_new_setup),
    ENGINE_TEST(a_script_that_kills_its_worker_twice_is_left_out),
    ENGINE_TEST(deaths_without_a_culprit_give_the_visit_up),
    ENGINE_TEST(scripts_that_cannot_be_selected_give_the_visit_up),
    ENGINE_TEST(a_worker_that_was_set_up_for_nobody_takes_who_waits),
    ENGINE_TEST(hosts_just_seen_with_new_ports_go_first),
    ENGINE_TEST(those_that_were_overtaken_are_fed_too),
    ENGINE_TEST(a_visit_may_end_while_its_hosts_are_asked_for),
    cmocka_unit_test_setup_teardown(what_cannot_be_told_to_a_worker_is_refused, setup, teardown),
    cmocka_unit_test_setup_teardown(arguments_that_no_worker_takes_are_refused, setup, teardown),
};

TEST_MAIN(tests)
