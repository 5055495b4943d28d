/* Whole sweeps of a made-up inventory through the store's client, as the core does it: claim, part,
 * end.
 *
 *   bench_store CONNINFO HOSTS < lines of "ports|scripts SHARE,SHARE,..."
 *
 * Hosts stand 100 to a /24 from 10.0.0.0 on, each with 10 open ports and one script result per
 * port. SHARE: of the results that changed in each sweep so far; the last one is the sweep that is
 * made now. Prints: facts, seconds, parts, their median and 99th percentile in ms, edges, peak
 * memory in kB. */
#include "service/store/store.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#define PER_BLOCK 100
#define PORTS     10
#define SWEEPS    32
#define AHEAD     4 /* visits that are under way */
#define CLAIMED   8

static struct loop *loop;
static struct store *store;
static struct store_lease leases[CLAIMED]; /* claimed, their hosts not looked at yet */
static size_t n_leases;
static bool ready, failed, asking, over;
static size_t under_way, n_parts, n_facts, n_edges;
static enum store_kind kind;
static double shares[SWEEPS];
static size_t n_shares;
static usec_t began, last_answer, *took;

static uint32_t mix(uint32_t a, uint32_t b, uint32_t c)
{
    uint64_t h =
        (a * 0x9e3779b97f4a7c15ULL) ^ (b * 0xbf58476d1ce4e5b9ULL) ^ (c * 0x94d049bb133111ebULL);

    h ^= h >> 31;
    h *= 0xd6e8feb86659fd93ULL;
    return (uint32_t)(h >> 32);
}

/* How often the result has changed; 70 % of all values are shared by many. */
static unsigned version(uint32_t host, uint32_t port)
{
    unsigned n = 0;

    for (uint32_t i = 0; i < n_shares; i++)
        n += mix(i + 1, host, port) < shares[i] * UINT32_MAX;
    return n;
}

struct made {
    struct store_host hosts[PER_BLOCK];
    struct port_finding ports[PER_BLOCK][PORTS];
    struct script_result results[PER_BLOCK][PORTS];
    char output[PER_BLOCK][PORTS][400];
};

static void make_port(struct made *m, uint32_t i, uint32_t p)
{
    m->ports[i][p] = (struct port_finding){.protocol = PROTOCOL_TCP,
                                           .port = (uint16_t)(1000 + p),
                                           .state = PORT_OPEN,
                                           .service = {.name = "svc", .method = SERVICE_TABLE}};
}

static void make_result(struct made *m, uint32_t block, uint32_t i, uint32_t p)
{
    uint32_t host = block * PER_BLOCK + i, pick = mix(7, host, p);
    char *text = m->output[i][p];
    size_t len = (size_t)snprintf(text, sizeof m->output[i][p], "result %u of version %u %.*s",
                                  pick % 10 < 7 ? pick % 50000 : 50000 + host * PORTS + p,
                                  version(host, p), (int)(pick % 300),
                                  "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do "
                                  "eiusmod tempor incididunt ut labore et dolore magna aliqua. Ut "
                                  "enim ad minim veniam, quis nostrud exercitation ullamco laboris "
                                  "nisi ut aliquip ex ea commodo consequat. Duis aute irure dolor "
                                  "in reprehenderit in voluptate velit esse cillum");

    m->results[i][p] = (struct script_result){.phase = SCRIPT_PORT,
                                              .protocol = PROTOCOL_TCP,
                                              .port = (uint16_t)(1000 + p),
                                              .script = "bench",
                                              .output = text,
                                              .output_len = len};
}

static void make(struct made *m, const struct store_lease *l)
{
    uint32_t block = (addr_to_v4(&l->first) - 0x0a000000) / 256;

    memset(m->hosts, 0, sizeof m->hosts);
    for (uint32_t i = 0; i < PER_BLOCK; i++) {
        for (uint32_t p = 0; p < PORTS; p++) {
            if (kind == STORE_PORTS)
                make_port(m, i, p);
            else
                make_result(m, block, i, p);
        }
        m->hosts[i] = (struct store_host){
            .finding = {.address = addr_add(&l->first, i + 1),
                        .state = HOST_UP,
                        .reason = REASON_SYN_ACK,
                        .ttl = 64},
            .ports = m->ports[i],
            .n_ports = kind == STORE_PORTS ? PORTS : 0,
            .results = m->results[i],
            .n_results = kind == STORE_SCRIPTS ? PORTS : 0,
        };
    }
}

static void claim(void);

static void on_applied(void *user, int status, const struct store_applied *a)
{
    usec_t now = loop_now(loop), start = (usec_t)(uintptr_t)user;

    if (status < 0) {
        fprintf(stderr, "a part failed: %s\n", strerror(-status));
        failed = true;
        return;
    }
    took[n_parts++] = now - (start > last_answer ? start : last_answer);
    last_answer = now;
    n_edges += a->opened + a->altered + a->closed;
}

static void on_finished(void *user, int status, const struct err *e)
{
    (void)user;
    if (status < 0) {
        fprintf(stderr, "an end failed: %s\n", e ? err_text(e) : strerror(-status));
        failed = true;
    }
    under_way--;
}

static void visit(struct store_lease *l)
{
    static struct made m;
    static const char *const scripts[] = {"bench"};
    struct store_part p = {.method = "syn", .hosts = m.hosts, .n_hosts = PER_BLOCK};
    struct coverage c = {.method = "syn", .probes = 1000, .complete = true, .rate_pps = 1000};

    make(&m, l);
    if (kind == STORE_SCRIPTS) {
        p.scripts = scripts;
        p.n_scripts = 1;
    }
    n_facts += (size_t)PER_BLOCK * PORTS;
    under_way++;
    if (store_apply(store, l, &p, on_applied, (void *)(uintptr_t)loop_now(loop)) < 0 ||
        store_finish(store, l, &c, on_finished, NULL) < 0)
        failed = true;
}

static void on_claimed(void *user, int status, struct store_lease *l, size_t n, usec_t next)
{
    (void)user, (void)next;
    asking = false;
    failed |= status < 0;
    over |= n == 0;
    for (size_t i = 0; i < n; i++)
        store_lease_move(&leases[n_leases++], &l[i]);
}

static void claim(void)
{
    struct store_claim c = {.n = CLAIMED / 2, .kinds = 1U << kind, .lease = 600 * USEC_PER_SEC};

    if (asking || over || n_leases > CLAIMED / 2)
        return;
    asking = true;
    failed |= store_claim(store, &c, on_claimed, NULL) < 0;
}

static void on_state(void *user, enum db_state s, const char *why)
{
    (void)user;
    if (s == DB_DOWN)
        fprintf(stderr, "the database is down: %s\n", why);
    ready = s == DB_READY;
}

static int by_time(const void *a, const void *b)
{
    usec_t x = *(const usec_t *)a, y = *(const usec_t *)b;

    return (x > y) - (x < y);
}

/* Findings come while the database works, a visit at a time, as workers tell them. */
static bool step(void)
{
    bool room = n_leases > 0 && under_way < AHEAD;

    claim();
    if (room) {
        visit(&leases[--n_leases]);
        store_lease_done(&leases[n_leases]);
    }
    return loop_turn(loop, room ? 0 : USEC_INFINITY) >= 0;
}

static void sweep(void)
{
    struct rusage use;

    over = false;
    n_parts = n_facts = n_edges = 0;
    began = last_answer = loop_now(loop);
    while (!failed && (!over || under_way || asking || n_leases))
        failed |= !step();
    qsort(took, n_parts, sizeof *took, by_time);
    getrusage(RUSAGE_SELF, &use);
    if (!failed && n_parts)
        printf("%zu %.3f %zu %.3f %.3f %zu %ld\n", n_facts,
               (double)(loop_now(loop) - began) / USEC_PER_SEC, n_parts,
               (double)took[n_parts / 2] / 1000, (double)took[n_parts * 99 / 100] / 1000, n_edges,
               use.ru_maxrss);
    fflush(stdout);
}

/* "ports 0,0.1": one sweep for each line of standard input, so that the client remembers its marks.
 */
int main(int argc, char **argv)
{
    struct store_opts o = {.conninfo = argc > 2 ? argv[1] : "", .state = on_state};
    struct err e = {0};
    char line[256];

    if (argc != 3 || loop_new(&loop, &e) < 0 || store_open(&store, loop, &o, &e) < 0) {
        fprintf(stderr, "usage: bench_store CONNINFO HOSTS\n%s\n", err_text(&e));
        return 2;
    }
    took = calloc(strtoul(argv[2], NULL, 10) / PER_BLOCK + 1, sizeof *took);
    while (took && !ready && loop_turn(loop, USEC_INFINITY) >= 0)
        continue;
    while (took && !failed && fgets(line, sizeof line, stdin)) {
        char *save = NULL, *word = strtok_r(line, " ,\n", &save);
        int k = store_kind_from(word);

        kind = k < 0 ? STORE_PORTS : (enum store_kind)k;
        for (n_shares = 0; n_shares < SWEEPS && (word = strtok_r(NULL, " ,\n", &save)); n_shares++)
            shares[n_shares] = strtod(word, NULL);
        sweep();
    }
    store_free(store);
    for (int i = 0; i < 5; i++)
        loop_turn(loop, 0);
    loop_free(loop);
    free(took);
    return failed;
}
