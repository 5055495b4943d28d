/* Paths through simulated networks: a tree of routers, some of which stay silent, answer seldom or
 * lose what they are sent. */
#include "engine/scan/paths.h"
#include "tests/support/main.h"

#include <errno.h>
#include <string.h>

#define HOSTS_MAX   300
#define ROUTERS_MAX 40
#define RTT         (10 * USEC_PER_MSEC)
#define NOWHERE     UINT32_MAX

struct router {
    uint32_t above; /* the one before it, seen from us; NOWHERE: it is the first */
    bool silent, refuses;
    double tokens; /* what it may still answer; < 0: it always does */
    usec_t filled;
};

struct told {
    struct addr addr;
    struct path_hop hops[PATHS_HOPS_MAX];
    size_t n;
    unsigned times;
};

struct net {
    struct router routers[ROUTERS_MAX];
    uint32_t n_routers;
    struct addr hosts[HOSTS_MAX];
    uint32_t last[HOSTS_MAX]; /* the router before the host */
    bool host_silent[HOSTS_MAX];
    uint32_t n_hosts;
    unsigned lossy; /* one packet of so many is lost; 0: none */
    uint64_t random;
    struct paths *paths;
    struct told told[HOSTS_MAX];
    uint32_t n_told;
    struct {
        struct path_answer answer;
        usec_t due;
    } under_way[HOSTS_MAX * PATHS_HOPS_MAX]; /* answers, in the order in which they come */
    unsigned first, end;
    unsigned asked;
    usec_t now;
};

static struct addr router_addr(uint32_t i)
{
    return addr_v4(0x0a000001 + i);
}

static uint32_t draw(struct net *n, uint32_t below)
{
    n->random = n->random * 6364136223846793005ULL + 1442695040888963407ULL;
    return (uint32_t)(n->random >> 33) % below;
}

static uint32_t add_router(struct net *n, uint32_t above)
{
    n->routers[n->n_routers] = (struct router){.above = above, .tokens = -1};
    return n->n_routers++;
}

static uint32_t chain(struct net *n, uint32_t above, unsigned length)
{
    for (unsigned i = 0; i < length; i++)
        above = add_router(n, above);
    return above;
}

static unsigned depth(const struct net *n, uint32_t router)
{
    unsigned d = 0;

    for (; router != NOWHERE; router = n->routers[router].above)
        d++;
    return d;
}

static uint32_t first_router(const struct net *n, uint32_t router)
{
    while (n->routers[router].above != NOWHERE)
        router = n->routers[router].above;
    return router;
}

static void on_done(void *user, const struct addr *a, const struct path_hop *hops, size_t count)
{
    struct net *n = user;
    struct told *t = &n->told[n->n_told++];

    assert_true(n->n_told <= n->n_hosts && count <= PATHS_HOPS_MAX);
    t->addr = *a;
    t->n = count;
    memcpy(t->hops, hops, count * sizeof *hops);
}

static struct net *net_new(void)
{
    struct net *n = calloc(1, sizeof *n);

    assert_non_null(n);
    n->now = 1000 * USEC_PER_SEC;
    n->paths = paths_new(on_done, n);
    assert_non_null(n->paths);
    return n;
}

static void net_free(struct net *n)
{
    paths_free(n->paths);
    free(n);
}

/* guess: what the TTL says is off by so much; NO_GUESS: it says nothing. */
#define NO_GUESS 99

static void add_host(struct net *n, uint32_t address, uint32_t last, int guess)
{
    unsigned distance = depth(n, last) + 1;
    struct addr gateway = last == NOWHERE ? (struct addr){0} : router_addr(first_router(n, last));
    struct path_target t = {addr_v4(address), gateway,
                            guess == NO_GUESS ? 0 : (unsigned)((int)distance + guess)};

    n->hosts[n->n_hosts] = t.addr;
    n->last[n->n_hosts++] = last;
    assert_int_equal(paths_add(n->paths, &t), 0);
    assert_int_equal(paths_add(n->paths, &t), -EEXIST);
}

/* Linux: one a second, six at once. */
static bool answers(struct net *n, struct router *r)
{
    if (r->silent)
        return false;
    if (r->tokens < 0)
        return true;
    r->tokens += (double)(n->now - r->filled) / USEC_PER_SEC;
    r->tokens = r->tokens > 6 ? 6 : r->tokens;
    r->filled = n->now;
    if (r->tokens < 1)
        return false;
    r->tokens -= 1;
    return true;
}

static uint32_t host_of(const struct net *n, const struct addr *a)
{
    for (uint32_t i = 0; i < n->n_hosts; i++)
        if (addr_equal(&n->hosts[i], a))
            return i;
    fail();
    return 0;
}

/* The router that takes the last of so many hops on the way to the host; NOWHERE: it arrives. */
static uint32_t expires_at(const struct net *n, uint32_t host, unsigned hops)
{
    uint32_t router = n->last[host];

    for (unsigned d = depth(n, router); d > hops; d--)
        router = n->routers[router].above;
    return depth(n, n->last[host]) < hops ? NOWHERE : router;
}

static void answer(struct net *n, const struct path_question *q, const struct addr *from,
                   bool arrived)
{
    assert_true(n->end < ARRAY_LEN(n->under_way));
    n->under_way[n->end].answer = (struct path_answer){q->addr, q->hops, q->try, *from, arrived};
    n->under_way[n->end++].due = n->now + RTT;
}

/* Time goes on, at most to the next answer. */
static void pass(struct net *n, usec_t wait)
{
    if (n->first < n->end && n->under_way[n->first].due <= n->now + wait) {
        n->now = n->under_way[n->first].due;
        paths_answer(n->paths, &n->under_way[n->first++].answer, n->now);
    } else {
        n->now += wait ? wait : 1;
    }
}

static void ask(struct net *n, const struct path_question *q)
{
    uint32_t host = host_of(n, &q->addr), at = expires_at(n, host, q->hops);
    struct addr from = at == NOWHERE ? q->addr : router_addr(at);
    bool refused = false;

    n->asked++;
    assert_true(q->hops >= 1 && q->hops <= PATHS_HOPS_MAX && q->try < PATHS_TRIES);
    if (n->lossy && draw(n, n->lossy) == 0)
        return;
    for (uint32_t r = n->last[host]; r != NOWHERE; r = n->routers[r].above)
        if (n->routers[r].refuses && depth(n, r) < q->hops) {
            refused = true;
            from = router_addr(r);
        }
    if (refused || (at == NOWHERE ? !n->host_silent[host] : answers(n, &n->routers[at])))
        answer(n, q, &from, refused || at == NOWHERE);
}

static void run(struct net *n)
{
    struct path_question q;
    usec_t wait, began = n->now;

    for (;;) {
        enum paths_step step = paths_next(n->paths, n->now, &q, &wait);

        if (step == PATHS_IDLE)
            break;
        if (step == PATHS_ASK) {
            paths_sent(n->paths, &q, n->now);
            ask(n, &q);
        } else {
            assert_true(wait <= PATHS_TIMEOUT);
            pass(n, wait);
        }
        assert_true(n->now - began < 3600 * USEC_PER_SEC);
    }
    assert_int_equal(n->n_told, n->n_hosts);
}

static const struct told *told_of(const struct net *n, uint32_t host)
{
    for (uint32_t i = 0; i < n->n_told; i++)
        if (addr_equal(&n->told[i].addr, &n->hosts[host]))
            return &n->told[i];
    fail();
    return NULL;
}

/* Each hop is the router that is there, or nobody; returns how many are told. */
static unsigned check_host(const struct net *n, uint32_t host)
{
    const struct told *t = told_of(n, host);
    unsigned told = 0;

    for (unsigned at = 1; at <= t->n; at++) {
        uint32_t router = expires_at(n, host, at);
        struct addr expected = router == NOWHERE ? n->hosts[host] : router_addr(router);

        if (t->hops[at - 1].addr.family == ADDR_NONE)
            continue;
        assert_true(addr_equal(&t->hops[at - 1].addr, &expected));
        told++;
    }
    return told;
}

static void assert_whole(const struct net *n, uint32_t host)
{
    unsigned distance = depth(n, n->last[host]) + 1;

    assert_int_equal(told_of(n, host)->n, distance);
    assert_int_equal(check_host(n, host), distance);
    for (unsigned i = 0; i < distance; i++)
        assert_true(told_of(n, host)->hops[i].rtt == RTT);
}

/* -------------------------------------------------------------------- tests */

static void the_distance_follows_from_the_ttl(void **state)
{
    (void)state;
    assert_int_equal(paths_distance(0), 0);
    assert_int_equal(paths_distance(64), 1);
    assert_int_equal(paths_distance(61), 4);
    assert_int_equal(paths_distance(128), 1);
    assert_int_equal(paths_distance(255), 1);
    assert_int_equal(paths_distance(65), 64);
    assert_int_equal(paths_distance(30), 3);
}

static void a_path_is_whole_whatever_the_guess(void **state)
{
    static const int guesses[] = {0, 1, 2, 5, -1, -2, -4, NO_GUESS, 60};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(guesses); i++) {
        struct net *n = net_new();

        add_host(n, 0xc0000201, chain(n, NOWHERE, 6), guesses[i]);
        run(n);
        assert_whole(n, 0);
        assert_true(n->asked <= 7U + 5U + PATHS_AHEAD);
        net_free(n);
    }
}

static void a_host_without_routers_is_one_hop_away(void **state)
{
    struct net *n = net_new();

    (void)state;
    add_host(n, 0xc0000201, NOWHERE, 0);
    run(n);
    assert_whole(n, 0);
    assert_int_equal(n->asked, 1);
    net_free(n);
}

static void a_silent_router_leaves_a_gap(void **state)
{
    struct net *n = net_new();
    uint32_t last = chain(n, NOWHERE, 5);

    (void)state;
    n->routers[2].silent = n->routers[4].silent = true;
    add_host(n, 0xc0000201, last, 0);
    run(n);
    assert_int_equal(told_of(n, 0)->n, 6);
    assert_int_equal(check_host(n, 0), 4);
    assert_int_equal(told_of(n, 0)->hops[2].addr.family, ADDR_NONE);
    assert_int_equal(told_of(n, 0)->hops[4].addr.family, ADDR_NONE);
    assert_int_equal(n->asked, 4 + 2 * PATHS_TRIES);
    net_free(n);
}

/* Who limits its answers as Linux does names itself to a few of 250 hosts. */
static void hosts_of_a_network_share_their_way(void **state)
{
    struct net *n = net_new();
    uint32_t last = chain(n, NOWHERE, 4);
    usec_t began = n->now;

    (void)state;
    for (uint32_t i = 0; i < n->n_routers; i++) {
        n->routers[i].tokens = 6;
        n->routers[i].filled = n->now;
    }
    for (uint32_t i = 1; i <= 250; i++)
        add_host(n, 0xc0000200 + i, last, 0);
    run(n);
    for (uint32_t i = 0; i < n->n_hosts; i++)
        assert_whole(n, i);
    assert_true(n->asked <= 5 + 249 * 2);
    assert_true(n->now - began <= 10 * USEC_PER_SEC);
    net_free(n);
}

static void networks_share_what_they_have_in_common(void **state)
{
    struct net *n = net_new();
    uint32_t stem = chain(n, NOWHERE, 3), one = chain(n, stem, 2), other = chain(n, stem, 3);

    (void)state;
    for (uint32_t i = 1; i <= 20; i++) {
        add_host(n, 0xc0000200 + i, one, 0);
        add_host(n, 0xc6336400 + i, other, 0);
    }
    run(n);
    for (uint32_t i = 0; i < n->n_hosts; i++)
        assert_whole(n, i);
    /* the first whole; the other network's first hosts down to the stem; two for each further one
     */
    assert_true(n->asked <= 6 + PATHS_AT_A_TIME * 5 + 40 * 2);
    net_free(n);
}

static void the_first_hop_is_shared_by_the_gateway(void **state)
{
    struct net *n = net_new();
    uint32_t last = chain(n, NOWHERE, 1);

    (void)state;
    for (uint32_t i = 1; i <= 100; i++)
        add_host(n, 0xc0000000 + (i << 8), last, 0);
    run(n);
    for (uint32_t i = 0; i < n->n_hosts; i++)
        assert_whole(n, i);
    assert_int_equal(n->asked, 101);
    net_free(n);
}

static void who_does_not_answer_is_given_up(void **state)
{
    struct net *n = net_new();
    usec_t began = n->now;

    (void)state;
    add_host(n, 0xc0000201, chain(n, NOWHERE, 4), 0);
    n->host_silent[0] = true;
    run(n);
    assert_int_equal(told_of(n, 0)->n, 4);
    assert_int_equal(check_host(n, 0), 4);
    assert_true(n->asked <= 4 + PATHS_SILENT * PATHS_TRIES);
    assert_true(n->now - began <= 12 * USEC_PER_SEC);
    net_free(n);
}

static void a_router_that_refuses_ends_the_path(void **state)
{
    struct net *n = net_new();
    struct addr refuser;

    (void)state;
    add_host(n, 0xc0000201, chain(n, NOWHERE, 6), 0);
    n->routers[3].refuses = true;
    refuser = router_addr(3);
    run(n);
    assert_int_equal(told_of(n, 0)->n, 5);
    assert_true(addr_equal(&told_of(n, 0)->hops[3].addr, &refuser));
    assert_true(addr_equal(&told_of(n, 0)->hops[4].addr, &refuser));
    net_free(n);
}

static void what_is_stopped_is_told_as_far_as_it_is_known(void **state)
{
    struct net *n = net_new();
    uint32_t last = chain(n, NOWHERE, 3);
    struct path_question q;
    usec_t wait;

    (void)state;
    for (uint32_t i = 1; i <= 5; i++)
        add_host(n, 0xc0000200 + i, last, 0);
    assert_int_equal(paths_next(n->paths, n->now, &q, &wait), PATHS_ASK);
    assert_int_equal(q.hops, 4);
    ask(n, &q);
    pass(n, RTT);
    paths_stop(n->paths, &n->hosts[3]);
    paths_stop_all(n->paths);
    assert_int_equal(n->n_told, 0);
    assert_int_equal(paths_next(n->paths, n->now, &q, &wait), PATHS_IDLE);
    assert_int_equal(n->n_told, 5);
    assert_int_equal(told_of(n, 0)->n, 4);
    assert_int_equal(check_host(n, 0), 1);
    for (uint32_t i = 1; i < 5; i++)
        assert_int_equal(told_of(n, i)->n, 0);
    net_free(n);
}

static void odd_answers_are_harmless(void **state)
{
    struct net *n = net_new();
    struct path_answer odd;
    struct path_question q;
    usec_t wait;

    (void)state;
    add_host(n, 0xc0000201, chain(n, NOWHERE, 3), 0);
    odd = (struct path_answer){n->hosts[0], 2, 0, addr_v4(1), true};
    paths_answer(n->paths, &odd, n->now); /* it waits in line */
    assert_int_equal(paths_next(n->paths, n->now, &q, &wait), PATHS_ASK);
    paths_answer(n->paths, &odd, n->now); /* not asked */
    odd.hops = 0;
    paths_answer(n->paths, &odd, n->now);
    odd.hops = PATHS_HOPS_MAX + 1;
    paths_answer(n->paths, &odd, n->now);
    odd.hops = q.hops;
    odd.try = 1;
    paths_answer(n->paths, &odd, n->now);
    odd.addr = addr_v4(7);
    paths_answer(n->paths, &odd, n->now);
    ask(n, &q);
    pass(n, RTT);
    odd = (struct path_answer){n->hosts[0], q.hops, 0, addr_v4(1), false};
    paths_answer(n->paths, &odd, n->now); /* the second one for it */
    run(n);
    assert_whole(n, 0);
    net_free(n);
}

/* Random trees with losses: nothing is told that is not there, and most of what is there is. */
static void random_networks_are_told_as_they_are(void **state)
{
    unsigned told = 0, there = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct net *n = net_new();
        uint32_t hosts;

        n->random = seed;
        chain(n, NOWHERE, 1 + draw(n, 3));
        while (n->n_routers < 30)
            chain(n, draw(n, n->n_routers), 1 + draw(n, 3));
        n->lossy = draw(n, 2) ? 5 : 0;
        hosts = 1 + draw(n, 120);
        for (uint32_t i = 0; i < hosts; i++) {
            uint32_t last = draw(n, 30);

            add_host(n, 0xc0000000 + (last << 8) + i, last, (int)draw(n, 3) - 1);
        }
        run(n);
        for (uint32_t i = 0; i < hosts; i++) {
            told += check_host(n, i);
            there += depth(n, n->last[i]) + 1;
        }
        net_free(n);
    }
    assert_true(told <= there && told > there * 98 / 100);
}

static const struct CMUnitTest paths[] = {
    cmocka_unit_test(the_distance_follows_from_the_ttl),
    cmocka_unit_test(a_path_is_whole_whatever_the_guess),
    cmocka_unit_test(a_host_without_routers_is_one_hop_away),
    cmocka_unit_test(a_silent_router_leaves_a_gap),
    cmocka_unit_test(hosts_of_a_network_share_their_way),
    cmocka_unit_test(networks_share_what_they_have_in_common),
    cmocka_unit_test(the_first_hop_is_shared_by_the_gateway),
    cmocka_unit_test(who_does_not_answer_is_given_up),
    cmocka_unit_test(a_router_that_refuses_ends_the_path),
    cmocka_unit_test(what_is_stopped_is_told_as_far_as_it_is_known),
    cmocka_unit_test(odd_answers_are_harmless),
    cmocka_unit_test(random_networks_are_told_as_they_are),
};

TEST_MAIN(paths)
