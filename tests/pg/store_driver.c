/* The store by hand: reads commands, one a line, and prints what comes back.  For the tests in
 * Python, which start and stop servers and kill this process.  Words are separated by spaces; a
 * command waits for its answer unless its name ends in "!".
 *
 *   open CONNINFO-WITH-;-FOR-SPACES [NEWEST [LIMIT [JOURNAL [ITS-LIMIT]]]]    state ready | state
 * down WHY config ZONE NET[,NET] EXCLUDE|- HOSTMISSES PASS/KIND/EVERY/CONFIRM/PORTS/MISSES ...
 * (several: separated by "|") claim N LEASE KINDS                                 lease I ZONE PASS
 * KIND FIRST LAST [ONLY,..] ... next SPAN part I METHOD [script=NAME,..] HOST ... applied O A C E
 * [dup] [new=ADDR,..] HOST:
 * ADDR,up|down|blind|unsure[,mac=M][,name=N][,p=PORT[:NAME]][,v=PORT:PRODUCT][,s=PORT:SCRIPT:OUTCOME:OUTPUT][,d=PORT:SCRIPT:JSON]
 *   migrate CONNINFO DIR [check|WAIT-MS]
 *   listeners (one, does not wait)
 *   finish I complete|aborted    targets I    keep LEASE I ...    rescan ZONE|- FIRST LAST
 * sync-wait    state-wait    sql TEXT    spin MS    pending    sensor NAME (before open) */
#include "service/store/embedded.h"
#include "service/store/migrate.h"
#include "service/store/store.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/wait.h>

static struct loop *loop;
static struct store *store;
static struct store_lease leases[64];
static size_t n_leases;
static bool done, opening, drained = true;
static char state_text[600];
static enum db_state state_now;
static unsigned news_calls;
static char sensor[64];

static void wait_done(void)
{
    while (!done)
        if (loop_turn(loop, USEC_INFINITY) < 0)
            exit(2);
    fflush(stdout);
}

static void on_state(void *user, enum db_state s, const char *why)
{
    (void)user;
    if (s == DB_CONNECTING)
        return;
    state_now = s;
    snprintf(state_text, sizeof state_text, "%s", why);
    done |= opening; /* other commands wait for their own answers */
}

static void on_news(void *user, unsigned n)
{
    (void)user;
    news_calls += n;
}

static void on_drained(void *user)
{
    (void)user;
    drained = true;
    puts("drained");
}

static void on_status(void *user, int status, const struct err *e)
{
    printf("%s %s %s\n", (const char *)user, status ? strerror(-status) : "ok",
           status && e ? err_text(e) : "");
    done = true;
}

static void cmd_open(char *args)
{
    char *conninfo = strtok(args, " "), *newest = strtok(NULL, " "), *limit = strtok(NULL, " ");
    char *journal = strtok(NULL, " "), *journal_limit = strtok(NULL, " ");
    struct store_opts o = {
        .conninfo = conninfo,
        .sensor = *sensor ? sensor : NULL,
        .newest_migration = newest ? (int)strtol(newest, NULL, 10) : 0,
        .queue_limit = limit ? strtoul(limit, NULL, 10) : 0,
        .journal = journal,
        .journal_limit = journal_limit ? strtoul(journal_limit, NULL, 10) : 0,
        .state = on_state,
        .news = on_news,
        .drained = on_drained,
    };
    struct err e = {0};

    for (char *p = conninfo; *p; p++)
        if (*p == ';')
            *p = ' ';
    done = false;
    if (store_open(&store, loop, &o, &e) < 0) {
        printf("open failed: %s\n", err_text(&e));
        return;
    }
    opening = true;
    wait_done();
    opening = false;
    printf("state %s %s\n", state_now == DB_READY ? "ready" : "down", state_text);
}

static void need(int r, const char *what)
{
    if (r < 0) {
        printf("%s refused: %s\n", what, strerror(-r));
        fflush(stdout);
        done = true;
    }
}

static void nets(struct addr_set *set, char *list)
{
    char *save = NULL;

    for (char *w = strtok_r(list, ",", &save); w; w = strtok_r(NULL, ",", &save)) {
        struct prefix p;
        struct err e = {0};

        if (prefix_parse(w, &p, &e) < 0 || addr_set_add_prefix(set, &p) < 0) {
            printf("bad net: %s\n", err_text(&e));
            exit(2);
        }
    }
}

static void one_pass(struct store_pass *p, struct port_set *ports, char *spec)
{
    char *f[6];

    for (size_t i = 0; i < 6; i++)
        f[i] = strsep(&spec, "/");
    *p = (struct store_pass){.name = f[0],
                             .kind = (enum store_kind)store_kind_from(f[1]),
                             .misses = (unsigned)strtoul(f[5], NULL, 10)};
    if (span_parse(f[2], &p->every) < 0 || span_parse(f[3], &p->confirm) < 0)
        exit(2);
    if (*f[4]) {
        if (port_set_parse(ports, f[4], 1, NULL, NULL) < 0)
            exit(2);
        p->ports = ports;
    }
}

static void cmd_config(char *args)
{
    static struct store_zone zones[4];
    static struct store_pass passes[4][8];
    static struct port_set ports[4][8];
    static struct addr_set networks[4], excludes[4];
    struct store_config c = {.zones = zones};
    struct err e = {0};
    char *zone, *save = NULL;
    int r;

    memset(networks, 0, sizeof networks);
    memset(excludes, 0, sizeof excludes);
    for (zone = strsep(&args, "|"); zone; zone = strsep(&args, "|")) {
        struct store_zone *z = &zones[c.n_zones];
        size_t n = c.n_zones++;
        char *word;

        *z = (struct store_zone){.name = strtok_r(zone, " ", &save),
                                 .networks = &networks[n],
                                 .excludes = &excludes[n],
                                 .passes = passes[n]};
        nets(&networks[n], strtok_r(NULL, " ", &save));
        word = strtok_r(NULL, " ", &save);
        if (strcmp(word, "-") != 0)
            nets(&excludes[n], word);
        z->host_misses = (unsigned)strtoul(strtok_r(NULL, " ", &save), NULL, 10);
        while ((word = strtok_r(NULL, " ", &save))) {
            one_pass(&passes[n][z->n_passes], &ports[n][z->n_passes], word);
            z->n_passes++;
        }
    }
    done = false;
    r = store_sync_config(store, &c, on_status, (void *)"config", &e);
    if (r < 0)
        printf("config refused: %s\n", err_text(&e));
    else
        wait_done();
    for (size_t i = 0; i < 4; i++) {
        addr_set_done(&networks[i]);
        addr_set_done(&excludes[i]);
    }
}

static void print_set(const struct addr_set *s)
{
    char text[ADDR_TEXT_MAX];
    struct addr a;

    for (uint64_t i = 0; addr_set_nth(s, i, &a); i++)
        printf("%s%s", i ? "," : " ", addr_format(&a, text));
}

static void on_claim(void *user, int status, struct store_lease *l, size_t n, usec_t next)
{
    char a[ADDR_TEXT_MAX], b[ADDR_TEXT_MAX], span[TIME_TEXT_MAX];

    (void)user;
    for (size_t i = 0; i < n; i++) {
        size_t at = n_leases++ % ARRAY_LEN(leases);

        store_lease_done(&leases[at]);
        store_lease_move(&leases[at], &l[i]);
        printf("lease %zu %s %s %s %s %s", at, leases[at].zone, leases[at].pass,
               store_kind_name(leases[at].kind), addr_format(&leases[at].first, a),
               addr_format(&leases[at].last, b));
        print_set(&leases[at].only);
        putchar('\n');
    }
    printf("claimed %s next %s\n", status ? strerror(-status) : "ok",
           next == USEC_INFINITY ? "never" : span_format(next / USEC_PER_SEC * USEC_PER_SEC, span));
    done = true;
}

static void cmd_claim(char *args)
{
    struct store_claim c = {0};

    c.n = (unsigned)strtoul(strtok(args, " "), NULL, 10);
    if (span_parse(strtok(NULL, " "), &c.lease) < 0)
        exit(2);
    for (char *w = strtok(NULL, ","); w; w = strtok(NULL, ","))
        c.kinds |= 1U << store_kind_from(w);
    done = false;
    need(store_claim(store, &c, on_claim, NULL), "claim");
    wait_done();
}

static void on_apply(void *user, int status, const struct store_applied *a)
{
    char text[ADDR_TEXT_MAX];

    if (status) {
        printf("applied %s\n", strerror(-status));
    } else {
        printf("applied %u %u %u %u%s", a->opened, a->altered, a->closed, a->events,
               a->duplicate ? " dup" : "");
        for (size_t i = 0; i < a->n_new_ports; i++)
            printf("%s%s", i ? "," : " new=", addr_format(&a->new_ports[i], text));
        putchar('\n');
    }
    if (user) /* somebody waits for this one */
        done = true;
}

#define PORTS_MAX 256
struct parsed_host {
    struct port_finding ports[PORTS_MAX];
    struct script_result results[PORTS_MAX];
};

static void parse_port(struct store_host *h, struct parsed_host *m, char *spec, bool probed)
{
    struct port_finding *p = &m->ports[h->n_ports++];
    char *number = strsep(&spec, ":");

    *p = (struct port_finding){.protocol = *number == 'u' ? PROTOCOL_UDP : PROTOCOL_TCP,
                               .state = PORT_OPEN};
    p->port = (uint16_t)strtoul(number + (*number == 'u'), NULL, 10);
    if (probed)
        p->service = (struct service_info){
            .name = "svc", .product = spec, .method = SERVICE_PROBED, .cpe = {"cpe:/a:x,\"y\""}};
    else if (spec)
        p->service = (struct service_info){.name = spec, .method = SERVICE_TABLE};
}

static void parse_result(struct store_host *h, struct parsed_host *m, char *spec, bool json)
{
    struct script_result *r = &m->results[h->n_results++];
    char *number = strsep(&spec, ":"), *script = strsep(&spec, ":");

    *r = (struct script_result){.phase = *number == '0' ? SCRIPT_HOST : SCRIPT_PORT,
                                .protocol = PROTOCOL_TCP,
                                .script = script};
    r->port = (uint16_t)strtoul(number, NULL, 10);
    if (json) {
        for (char *p = spec; *p; p++)
            *p = *p == ';' ? ',' : *p;
        r->data = spec;
        return;
    }
    r->outcome = script_outcome_from(strsep(&spec, ":"));
    r->output = spec;
    r->output_len = spec ? strlen(spec) : 0;
}

static void parse_host(struct store_host *h, struct parsed_host *m, char *spec)
{
    char *addr = strsep(&spec, ","), *state = strsep(&spec, ","), *w;

    *h = (struct store_host){.ports = m->ports, .results = m->results};
    if (addr_parse(addr, &h->finding.address) < 0)
        exit(2);
    h->unsure = strcmp(state, "unsure") == 0;
    h->finding.state = strcmp(state, "down") == 0    ? HOST_DOWN
                       : strcmp(state, "blind") == 0 ? HOST_UNKNOWN
                                                     : HOST_UP;
    h->finding.reason = REASON_ECHO_REPLY;
    h->finding.ttl = 64;
    while ((w = strsep(&spec, ","))) {
        char *value = strchr(w, '=') + 1;

        if (w[0] == 'm')
            h->finding.has_mac = mac_parse(value, &h->finding.mac) == 0;
        else if (w[0] == 'n')
            h->finding.hostname = value;
        else if (w[0] == 'p' || w[0] == 'v')
            parse_port(h, m, value, w[0] == 'v');
        else
            parse_result(h, m, value, w[0] == 'd');
    }
}

static void cmd_part(char *args, bool wait)
{
    static struct parsed_host memory[256];
    static struct store_host hosts[256];
    const char *scripts[32];
    struct store_part p = {.hosts = hosts, .scripts = scripts};
    struct store_lease *l = &leases[strtoul(strtok(args, " "), NULL, 10)];
    int r;

    p.method = strtok(NULL, " ");
    for (char *w = strtok(NULL, " "); w; w = strtok(NULL, " ")) {
        if (strncmp(w, "script=", 7) == 0) {
            char *list = w + 7;

            for (char *s; (s = strsep(&list, ","));)
                scripts[p.n_scripts++] = s;
            continue;
        }
        parse_host(&hosts[p.n_hosts], &memory[p.n_hosts], w);
        p.n_hosts++;
    }
    done = false;
    r = store_apply(store, l, &p, on_apply, wait ? l : NULL);
    need(r, "part");
    if (wait && r == 0)
        wait_done();
}

static void cmd_finish(char *args, bool wait)
{
    struct store_lease *l = &leases[strtoul(strtok(args, " "), NULL, 10)];
    struct coverage c = {.method = "syn", .probes = 10, .loss = 0.25, .rate_pps = 100};

    c.complete = strcmp(strtok(NULL, " "), "complete") == 0;
    done = false;
    need(store_finish(store, l, &c, on_status, (void *)"finished"), "finish");
    if (wait)
        wait_done();
}

static void on_targets(void *user, int status, const struct store_target *t, size_t n)
{
    char text[ADDR_TEXT_MAX], mac[MAC_TEXT_MAX];

    (void)user;
    for (size_t i = 0; i < n; i++) {
        printf("target %s %s %u %s %s", addr_format(&t[i].address, text), reason_name(t[i].reason),
               t[i].ttl, t[i].has_mac ? mac_format(&t[i].mac, mac) : "-",
               t[i].hostname ? t[i].hostname : "-");
        for (size_t j = 0; j < t[i].n_ports; j++) {
            const struct port_finding *p = &t[i].ports[j];

            printf(" %u/%s:%s:%s:%s", p->port, protocol_name(p->protocol),
                   p->service.name ? p->service.name : "",
                   p->service.product ? p->service.product : "",
                   p->service.cpe[0] ? p->service.cpe[0] : "");
        }
        putchar('\n');
    }
    printf("targets %s %zu\n", status ? strerror(-status) : "ok", n);
    done = true;
}

static void on_keep(void *user, int status, const int64_t *lost, size_t n)
{
    (void)user;
    printf("kept %s lost %zu", status ? strerror(-status) : "ok", n);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n_leases; j++)
            if (leases[j].fence == lost[i])
                printf(" %zu", j);
    putchar('\n');
    done = true;
}

static void cmd_keep(char *args)
{
    int64_t fences[64];
    struct store_keep k = {.fences = fences};

    if (span_parse(strtok(args, " "), &k.lease) < 0)
        exit(2);
    for (char *w = strtok(NULL, " "); w; w = strtok(NULL, " "))
        fences[k.n++] = leases[strtoul(w, NULL, 10)].fence;
    done = false;
    need(store_keep(store, &k, on_keep, NULL), "keep");
    wait_done();
}

static void on_rescan(void *user, int status, unsigned n)
{
    (void)user;
    printf("rescan %s %u\n", status ? strerror(-status) : "ok", n);
    done = true;
}

static void cmd_rescan(char *args)
{
    struct store_rescan r = {0};

    r.zone = strtok(args, " ");
    if (strcmp(r.zone, "-") == 0)
        r.zone = NULL;
    if (addr_parse(strtok(NULL, " "), &r.first) < 0 || addr_parse(strtok(NULL, " "), &r.last) < 0)
        exit(2);
    done = false;
    need(store_rescan(store, &r, on_rescan, NULL), "rescan");
    wait_done();
}

static void cmd_listeners(void)
{
    const struct store_listener one = {.interface = "eth0", .up = true};

    need(store_listeners(store, &one, 1), "listeners");
}

static void cmd_sql(char *args, unsigned flags)
{
    struct db_call c = {.sql = args, .flags = flags};
    struct db_rows *rows = NULL;
    struct err e = {0};
    int r = db_ask(store_db(store), &c, 20 * USEC_PER_SEC, &rows, &e);

    if (r < 0)
        printf("sql %s: %s\n", strerror(-r), err_text(&e));
    for (size_t i = 0; i < db_rows_count(rows); i++)
        for (size_t j = 0; j < db_rows_columns(rows); j++)
            printf("%s%c", db_rows_text(rows, i, j) ? db_rows_text(rows, i, j) : "NULL",
                   j + 1 < db_rows_columns(rows) ? '|' : '\n');
    if (r == 0)
        puts("sql ok");
    db_rows_free(rows);
}

static void on_applied_file(void *user, const char *file)
{
    (void)user;
    printf("applied %s\n", file);
}

static void on_remark(void *user, const char *sentence)
{
    (void)user;
    printf("notice %s\n", sentence);
}

static void cmd_migrate(char *args)
{
    char *conninfo = strtok(args, " "), *dir = strtok(NULL, " "), *how = strtok(NULL, " ");
    struct migrate_opts o = {.conninfo = conninfo,
                             .dir = dir,
                             .program = "test",
                             .applied = on_applied_file,
                             .notice = on_remark};
    struct err e = {0};
    int version = 0, r;

    for (char *p = conninfo; *p; p++)
        if (*p == ';')
            *p = ' ';
    o.check_only = how && strcmp(how, "check") == 0;
    o.wait_ms = how && !o.check_only ? (unsigned)strtoul(how, NULL, 10) : 0;
    r = migrate_run(&o, &version, &e);
    if (r < 0)
        printf("migrate %s: %s\n", strerror(-r), err_text(&e));
    else
        printf("migrated to %d of %d\n", version, migrate_newest(dir, &e));
}

static struct embedded *server;
static pid_t server_pid;

static void cmd_server(char *args)
{
    char *dir = strtok(args, " "), *bindir = strtok(NULL, " ");
    struct err e = {0};
    int r = embedded_new(&server, dir, bindir, &e);

    if (r == 0)
        r = embedded_prepare(server, NULL, NULL, &e);
    for (int i = 0; r == 0 || r == -EAGAIN; i++) {
        r = embedded_start(server, &server_pid, &e);
        if (r != -EAGAIN || i > 200)
            break;
        if (i == 0)
            printf("again: %.40s\n", err_text(&e));
        poll(NULL, 0, 100);
    }
    if (r < 0) {
        printf("server %s: %s\n", strerror(-r), err_text(&e));
        server = embedded_free(server);
        return;
    }
    for (int i = 0; i < 400 && !embedded_ready(server) && waitpid(server_pid, NULL, WNOHANG) == 0;
         i++)
        poll(NULL, 0, 50);
    printf("server %s %s\n", embedded_ready(server) ? "ready" : "not ready",
           embedded_conninfo(server));
}

static void cmd_stop(void)
{
    int status = 0;

    embedded_stop(server, server_pid);
    waitpid(server_pid, &status, 0);
    printf("stopped %d\n", status);
    server = embedded_free(server);
}

static void spin(usec_t span)
{
    usec_t end = loop_now(loop) + span;

    while (loop_now(loop) < end)
        loop_turn(loop, end - loop_now(loop));
}

static void run(char *command, char *args)
{
    if (strcmp(command, "open") == 0) {
        cmd_open(args);
    } else if (strcmp(command, "sensor") == 0) {
        snprintf(sensor, sizeof sensor, "%s", args);
        printf("sensor %s\n", sensor);
    } else if (strcmp(command, "config") == 0) {
        cmd_config(args);
    } else if (strcmp(command, "claim") == 0) {
        cmd_claim(args);
    } else if (strcmp(command, "part") == 0 || strcmp(command, "part!") == 0) {
        cmd_part(args, command[4] != '!');
    } else if (strcmp(command, "finish") == 0 || strcmp(command, "finish!") == 0) {
        cmd_finish(args, command[6] != '!');
    } else if (strcmp(command, "targets") == 0) {
        done = false;
        need(store_targets(store, &leases[strtoul(args, NULL, 10)], on_targets, NULL), "targets");
        wait_done();
    } else if (strcmp(command, "server") == 0) {
        cmd_server(args);
    } else if (strcmp(command, "stop") == 0) {
        cmd_stop();
    } else if (strcmp(command, "migrate") == 0) {
        cmd_migrate(args);
    } else if (strcmp(command, "keep") == 0) {
        cmd_keep(args);
    } else if (strcmp(command, "rescan") == 0) {
        cmd_rescan(args);
    } else if (strcmp(command, "listeners") == 0) {
        cmd_listeners();
    } else if (strcmp(command, "sql") == 0) {
        cmd_sql(args, 0);
    } else if (strcmp(command, "sql-retry") == 0) {
        cmd_sql(args, DB_RETRY);
    } else if (strcmp(command, "sql-often") == 0) {
        cmd_sql(args, DB_OFTEN);
    } else if (strcmp(command, "spin") == 0) {
        spin(strtoul(args, NULL, 10) * USEC_PER_MSEC);
    } else if (strcmp(command, "pending") == 0) {
        printf("pending %zu news %u\n", store_pending(store), news_calls);
    } else if (strcmp(command, "sync-wait") == 0) {
        while (store_pending(store))
            loop_turn(loop, USEC_INFINITY);
        puts("synced");
    } else if (strcmp(command, "state") == 0 || strcmp(command, "state-wait") == 0) {
        while (command[5] && state_now != DB_READY)
            loop_turn(loop, USEC_INFINITY);
        printf("state %s %s\n", state_now == DB_READY ? "ready" : "down", state_text);
    } else {
        printf("unknown command %s\n", command);
    }
}

int main(void)
{
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;

    if (loop_new(&loop, NULL) < 0)
        return 2;
    while ((n = getline(&line, &cap, stdin)) > 0) {
        char *args = line;
        char *command;

        line[n - 1] = 0;
        command = strsep(&args, " ");
        run(command, args ? args : line + n - 1);
        puts(".");
        fflush(stdout);
    }
    free(line);
    for (size_t i = 0; i < ARRAY_LEN(leases); i++)
        store_lease_done(&leases[i]);
    embedded_free(server);
    store_free(store);
    for (int i = 0; i < 5; i++)
        loop_turn(loop, 0);
    loop_free(loop);
    return 0;
}
