/* The alert pipeline by hand: reads commands, one a line, while it delivers.  For the tests in
 * Python, which play the receivers, kill this process and stop the database.  In texts ";" stands
 * for a space, "-" for nothing.
 *
 *   endpoint NAME URL SECRETS|- TIMEOUT_MS CONCURRENCY RATE ALLOW|- [public] [KEY=VALUE...]
 *     KEY: allow, kind, token, topic, text, content_type, proxy, order, http2; ca, cert, key: files
 *   behind SECONDS   this program's wall clock is, from now on
 *   start CONNINFO HOLDER BACKOFF_MS POLL_MS RESOLVER|- [patient] [tell=MS] [refused=MS]   ok | the
 * error stats            NAME STATE DELIVERED ATTEMPTS FAILURES DEAD WAITING INFLIGHT idle waits
 * until all is delivered or put aside poke | stop MS   stopped STATUS list NAME|- all|open LIMIT |
 * replay NAME [ID...] | endpoints | enable NAME resume|skip */
#include "engine/base/buf.h"
#include "service/alert/alert.h"
#include "service/alert/deliveries.h"

#include "service/config/config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define ENDPOINTS_MAX 64
#define WORDS_MAX     32

static struct loop *loop;
static struct alert *alert;
static struct db *asking;
static struct alert_endpoint endpoints[ENDPOINTS_MAX];
static struct addr_set allows[ENDPOINTS_MAX];
static size_t n_endpoints;
static char *conninfo;
static struct buf input;
static bool input_ended, stopped;

static long behind;

/* In place of the C library's, for all that is linked with this program. */
int clock_gettime(clockid_t clock, struct timespec *ret)
{
    int r = (int)syscall(SYS_clock_gettime, clock, ret);

    if (r == 0 && clock == CLOCK_REALTIME)
        ret->tv_sec -= behind;
    return r;
}

static char *word_copy(const char *word)
{
    char *copy;

    if (strcmp(word, "-") == 0)
        return NULL;
    copy = strdup(word);
    for (char *p = copy; *p; p++)
        if (*p == ';')
            *p = ' ';
    return copy;
}

static const char *file_text(const char *path)
{
    struct err e = {0};
    char *text;
    size_t len;

    if (config_read_file(&text, &len, path, &e) < 0) {
        fprintf(stderr, "%s\n", err_text(&e));
        exit(2);
    }
    return text;
}

static int name_index(const char *const *names, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(names[i], name) == 0)
            return (int)i;
    fprintf(stderr, "what is %s?\n", name);
    exit(2);
}

static enum config_kind kind_of(const char *name)
{
    const char *names[KIND_MAX];

    for (size_t i = 0; i < KIND_MAX; i++)
        names[i] = config_kinds[i].name;
    return (enum config_kind)name_index(names, KIND_MAX, name);
}

static void endpoint_option(struct alert_endpoint *ep, const char *word)
{
    static const char *const orders[] = {"default", "none", "subject", "strict"};
    const char *value = strchr(word, '=');
    struct addr a;
    size_t len = value ? (size_t)(value++ - word) : strlen(word);
    struct {
        const char *key;
        const char **text;
        bool file;
    } texts[] = {
        {"token", &ep->token, false}, {"topic", &ep->topic, false},
        {"text", &ep->text, false},   {"content_type", &ep->content_type, false},
        {"proxy", &ep->proxy, false}, {"ca", &ep->ca, true},
        {"cert", &ep->cert, true},    {"key", &ep->key, true},
    };

    if (value && strncmp(word, "allow", len) == 0 && addr_parse(value, &a) == 0)
        (void)!addr_set_add(&allows[n_endpoints - 1], &a, &a);
    else if (strcmp(word, "public") == 0)
        ep->reach = ALERT_REACH_PUBLIC;
    else if (strcmp(word, "http2") == 0)
        ep->http2 = true;
    else if (value && strncmp(word, "kind", len) == 0)
        ep->kind = kind_of(value);
    else if (value && strncmp(word, "order", len) == 0)
        ep->order = (enum config_order)name_index(orders, ARRAY_LEN(orders), value);
    for (size_t i = 0; value && i < ARRAY_LEN(texts); i++)
        if (strlen(texts[i].key) == len && memcmp(texts[i].key, word, len) == 0)
            *texts[i].text = texts[i].file ? file_text(value) : word_copy(value);
}

static void do_endpoint(char **w, size_t n)
{
    struct alert_endpoint *ep = &endpoints[n_endpoints];
    struct addr_set *allow = &allows[n_endpoints++];
    struct addr a;

    ep->name = word_copy(w[1]);
    ep->url = word_copy(w[2]);
    ep->secrets = word_copy(w[3]);
    ep->timeout = strtoull(w[4], NULL, 10) * USEC_PER_MSEC;
    ep->concurrency = (unsigned)atoi(w[5]);
    ep->rate = atof(w[6]);
    ep->plain_http = true;
    if (addr_parse(w[7], &a) == 0 && addr_set_add(allow, &a, &a) == 0)
        ep->allow = allow;
    for (size_t i = 8; i < n; i++)
        endpoint_option(ep, w[i]);
    puts("ok");
}

static void do_start(char **w, size_t n)
{
    struct alert_opts o = {.holder = w[2], .endpoints = endpoints, .n_endpoints = n_endpoints};
    char *resolver = word_copy(w[5]);
    struct err e = {0};

    for (size_t i = 6; i < n; i++) {
        if (strcmp(w[i], "patient") == 0)
            o.patient = true;
        else if (strncmp(w[i], "tell=", 5) == 0)
            o.tell_after = strtoull(w[i] + 5, NULL, 10) * USEC_PER_MSEC;
        else if (strncmp(w[i], "refused=", 8) == 0)
            o.refused_for = strtoull(w[i] + 8, NULL, 10) * USEC_PER_MSEC;
    }
    o.conninfo = conninfo = word_copy(w[1]);
    o.resolver = resolver;
    o.backoff_base = strtoull(w[3], NULL, 10) * USEC_PER_MSEC;
    o.backoff_cap = o.backoff_base * 8;
    o.poll = strtoull(w[4], NULL, 10) * USEC_PER_MSEC;
    puts(alert_new(&alert, loop, &o, &e) == 0 ? "ok" : e.text);
    free(resolver);
}

static void do_stats(void)
{
    struct alert_stats s;

    for (size_t i = 0; alert_stats(alert, i, &s) == 0; i++)
        printf("%s %s %llu %llu %llu %llu %u %u\n", s.name, s.state,
               (unsigned long long)s.delivered, (unsigned long long)s.attempts,
               (unsigned long long)s.failures, (unsigned long long)s.dead, s.waiting, s.in_flight);
}

static void do_idle(void)
{
    alert_poke(alert);
    do
        loop_turn(loop, 20 * USEC_PER_MSEC);
    while (!alert_idle(alert));
    puts("idle");
}

static void on_stopped(void *user, int status)
{
    (void)user;
    printf("stopped %s\n", status ? strerror(-status) : "ok");
    alert = alert_free(alert);
    stopped = true;
}

static void do_stop(const char *ms)
{
    stopped = false;
    alert_stop(alert, strtoull(ms, NULL, 10) * USEC_PER_MSEC, on_stopped, NULL);
    while (!stopped)
        loop_turn(loop, USEC_INFINITY);
}

static void print_rows(int r, struct db_rows *rows, const struct err *e)
{
    if (r < 0)
        puts(err_text(e));
    for (size_t i = 0; i < db_rows_count(rows); i++)
        for (size_t k = 0; k < db_rows_columns(rows); k++)
            printf("%s%c", db_rows_text(rows, i, k) ? db_rows_text(rows, i, k) : "",
                   k + 1 == db_rows_columns(rows) ? '\n' : '|');
}

static bool do_ask(char **w, size_t n)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    struct db_opts o = {.conninfo = conninfo};
    struct err e = {0};
    uint64_t count = 0;
    int r = 0;

    if (!asking && db_open(&asking, loop, &o, &e) < 0)
        return false;
    if (strcmp(w[0], "list") == 0) {
        CLEANUP(freep) char *name = word_copy(w[1]);
        struct deliveries_filter f = {name, strcmp(w[2], "all") == 0, (unsigned)atoi(w[3])};

        r = deliveries_list(asking, &f, &rows, &e);
    } else if (strcmp(w[0], "endpoints") == 0) {
        r = deliveries_endpoints(asking, &rows, &e);
    } else if (strcmp(w[0], "replay") == 0) {
        r = deliveries_replay(asking, w[1], (const char *const *)w + 2, n - 2, &count, &e);
        if (r == 0)
            printf("%llu\n", (unsigned long long)count);
    } else if (strcmp(w[0], "enable") == 0) {
        r = deliveries_enable(asking, w[1],
                              strcmp(w[2], "skip") == 0 ? DELIVERIES_SKIP : DELIVERIES_RESUME, &e);
    } else {
        return false;
    }
    if (r < 0 || rows)
        print_rows(r, rows, &e);
    return true;
}

static void command(char *line)
{
    char *w[WORDS_MAX];
    size_t n = 0;

    for (char *p = strtok(line, " "); p && n < WORDS_MAX; p = strtok(NULL, " "))
        w[n++] = p;
    if (n == 0)
        return;
    if (strcmp(w[0], "endpoint") == 0)
        do_endpoint(w, n);
    else if (strcmp(w[0], "behind") == 0)
        behind = atol(w[1]);
    else if (strcmp(w[0], "start") == 0)
        do_start(w, n);
    else if (strcmp(w[0], "stats") == 0)
        do_stats();
    else if (strcmp(w[0], "idle") == 0)
        do_idle();
    else if (strcmp(w[0], "poke") == 0)
        alert_poke(alert);
    else if (strcmp(w[0], "stop") == 0)
        do_stop(w[1]);
    else if (!do_ask(w, n))
        puts("what?");
    puts(".");
    fflush(stdout);
}

static void on_input(struct io *io, uint32_t events)
{
    char bytes[4096];
    ssize_t n = read(io->fd, bytes, sizeof bytes);

    (void)events;
    if (n > 0) {
        buf_add(&input, bytes, (size_t)n);
        return;
    }
    input_ended = true;
    io_remove(loop, io);
}

static void take_line(void)
{
    char *end = input.len ? memchr(input.data, '\n', input.len) : NULL;
    char *line;

    if (!end)
        return;
    line = strndup(input.data, (size_t)(end - input.data));
    buf_consume(&input, (size_t)(end - input.data) + 1);
    command(line);
    free(line);
}

static void endpoints_done(void)
{
    for (size_t i = 0; i < n_endpoints; i++) {
        free((void *)endpoints[i].name);
        free((void *)endpoints[i].url);
        free((void *)endpoints[i].secrets);
        free((void *)endpoints[i].token);
        free((void *)endpoints[i].topic);
        free((void *)endpoints[i].text);
        free((void *)endpoints[i].content_type);
        free((void *)endpoints[i].proxy);
        free((void *)endpoints[i].ca);
        free((void *)endpoints[i].cert);
        free((void *)endpoints[i].key);
        addr_set_done(&allows[i]);
    }
}

int main(void)
{
    struct io in = {.fd = STDIN_FILENO, .ready = on_input};

    if (loop_new(&loop, NULL) < 0 || io_want(loop, &in, EPOLLIN) < 0)
        return 2;
    while (!input_ended || (input.len && memchr(input.data, '\n', input.len))) {
        if (!input.len || !memchr(input.data, '\n', input.len))
            loop_turn(loop, USEC_INFINITY);
        take_line();
    }
    alert_free(alert);
    db_free(asking);
    loop_free(loop);
    endpoints_done();
    free(conninfo);
    buf_done(&input);
    return 0;
}
