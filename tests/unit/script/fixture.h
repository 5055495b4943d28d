/* A script host in a data directory of its own, made of sources in the test, with a loop on the
 * fake clock and a world that keeps what it is told.  For the tests of this directory. */
#pragma once

#include "engine/base/log.h"
#include "engine/script/host.h"

#include "tests/support/main.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FX_MAX 512
#define FX_JOB 7

struct fx_result {
    enum script_phase phase;
    enum script_outcome outcome;
    uint16_t port;
    char address[ADDR_TEXT_MAX];
    char *script, *reason, *output, *data, *xml;
};

struct fixture {
    struct loop *loop;
    struct guard *guard; /* NULL: everything is allowed */
    struct dns *dns;     /* NULL: numeric addresses only */
    struct script_host *host;
    struct script_host_opts o;
    const char *dirs[2];
    char dir[64];
    struct fx_result results[FX_MAX];
    size_t n_results;
    struct buf log;   /* lines of world.log at notice and above, and of print() */
    struct buf ports; /* lines of world.port_seen */
    unsigned n_hosts_done, n_targets;
    bool job_done;
};

static struct fixture *fx;

static char *fx_dup(const char *s)
{
    return s ? strdup(s) : NULL;
}

static void fx_on_result(void *user, uint64_t job, const struct script_result *r)
{
    struct fixture *f = user;
    struct fx_result *x = &f->results[f->n_results++];

    assert_true(f->n_results < FX_MAX && (job == FX_JOB || job == 0));
    *x = (struct fx_result){.phase = r->phase, .outcome = r->outcome, .port = r->port};
    if (r->address.family != ADDR_NONE)
        addr_format(&r->address, x->address);
    x->script = fx_dup(r->script);
    x->reason = fx_dup(r->reason);
    x->output = r->output ? strndup(r->output, r->output_len) : NULL;
    x->data = fx_dup(r->data);
    x->xml = fx_dup(r->xml);
}

static void fx_on_port(void *user, uint64_t job, const struct port_finding *p)
{
    struct fixture *f = user;

    (void)job;
    buf_printf(&f->ports, "%u/%s %s %s %s/%s %u\n", p->port, protocol_name(p->protocol),
               port_state_name(p->state), reason_name(p->reason),
               p->service.name ? p->service.name : "-",
               p->service.product ? p->service.product : "-", p->service.confidence);
}

static size_t fx_on_target(void *user, uint64_t job, const char *name)
{
    struct fixture *f = user;

    (void)job;
    (void)name;
    f->n_targets++;
    return 1;
}

static void fx_on_host(void *user, uint64_t job, const struct addr *a)
{
    struct fixture *f = user;

    (void)job;
    (void)a;
    f->n_hosts_done++;
}

static void fx_on_done(void *user, uint64_t job)
{
    struct fixture *f = user;

    (void)job;
    assert_false(f->job_done);
    f->job_done = true;
}

static void fx_on_log(void *user, int pri, const char *script, const char *text)
{
    struct fixture *f = user;

    if (pri <= LOG_INFO)
        buf_printf(&f->log, "%s: %s (%s)\n", script, text,
                   f->host ? script_host_current(f->host) : "");
}

static void fx_write(const char *dir, const char *name, const char *source)
{
    char path[256];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", dir, name);
    f = fopen(path, "w");
    assert_non_null(f);
    fputs(source, f);
    fclose(f);
}

/* A script whose action is `body`; rule "prerule", "portrule", ... */
UNUSED static void fx_script(const char *name, const char *rule, const char *body)
{
    struct buf b = {0};
    char file[64];

    buf_printf(&b,
               "categories = {'safe'}\n%s = function() return true end\naction = function(host, "
               "port)\n%s\nend\n",
               rule, body);
    snprintf(file, sizeof file, "scripts/%s.nse", name);
    fx_write(fx->dir, file, b.data);
    buf_done(&b);
}

static int fx_setup(void **state)
{
    static struct fixture f;
    char sub[96];

    memset(&f, 0, sizeof f);
    fx = &f;
    *state = &f;
    snprintf(f.dir, sizeof f.dir, "script-test-XXXXXX");
    assert_non_null(mkdtemp(f.dir));
    snprintf(sub, sizeof sub, "%s/scripts", f.dir);
    assert_int_equal(mkdir(sub, 0700), 0);
    snprintf(sub, sizeof sub, "%s/nselib", f.dir);
    assert_int_equal(mkdir(sub, 0700), 0);
    fx_write(f.dir, "nselib/stdnse.lua", "return {}\n"); /* the engine adds its functions */
    assert_int_equal(loop_new(&f.loop, NULL), 0);
    loop_fake_clock(f.loop, 1700000000 * USEC_PER_SEC);
    f.dirs[0] = f.dir;
    f.o = (struct script_host_opts){.datadirs = f.dirs,
                                    .n_datadirs = 1,
                                    .timing_level = 3,
                                    .version_intensity = 7,
                                    .cpu_limit = 300 * USEC_PER_MSEC,
                                    .memory_limit = 128 << 20};
    return 0;
}

static void fx_forget_results(void)
{
    for (size_t i = 0; i < fx->n_results; i++) {
        free(fx->results[i].script);
        free(fx->results[i].reason);
        free(fx->results[i].output);
        free(fx->results[i].data);
        free(fx->results[i].xml);
    }
    fx->n_results = 0;
}

static int fx_teardown(void **state)
{
    char command[128];

    (void)state;
    fx->host = script_host_free(fx->host);
    fx_forget_results();
    buf_done(&fx->log);
    buf_done(&fx->ports);
    loop_free(fx->loop);
    snprintf(command, sizeof command, "rm -rf %s", fx->dir);
    return system(command);
}

/* Makes the host and selects.  The number of scripts, or a negative errno with the text in e. */
static int fx_select(const char *expression, struct err *e)
{
    struct script_world w = {.user = fx,
                             .result = fx_on_result,
                             .port_seen = fx_on_port,
                             .target_add = fx_on_target,
                             .host_done = fx_on_host,
                             .job_done = fx_on_done,
                             .log = fx_on_log};
    size_t n = 0;
    int r = 0;

    if (!fx->host)
        r = script_host_new(&fx->host, fx->loop, fx->guard, fx->dns, &w, &fx->o, e);
    if (r == 0)
        r = script_host_select(fx->host, expression, &n, e);
    return r < 0 ? r : (int)n;
}

UNUSED static struct script_target fx_target(const char *address, const struct port_finding *ports,
                                             size_t n)
{
    struct script_target t = {
        .reason = REASON_ARP_RESPONSE, .ports = ports, .n_ports = n, .rtt_timeout = USEC_PER_SEC};

    assert_int_equal(addr_parse(address, &t.address), 0);
    return t;
}

static void fx_turns(void)
{
    for (int i = 0; i < 5000 && loop_turn(fx->loop, 0) > 0; i++)
        ;
}

/* Runs until the job is over, at most `seconds` of fake time. */
static void fx_wait(unsigned seconds)
{
    fx_turns();
    for (unsigned i = 0; i < seconds * 10 && !fx->job_done; i++) {
        loop_fake_advance(fx->loop, 100 * USEC_PER_MSEC);
        fx_turns();
    }
}

/* Selects and runs a job with the targets; fails the test when it does not end. */
UNUSED static void fx_run(const char *expression, const struct script_target *targets, size_t n)
{
    struct err e = {0};

    if (fx_select(expression, &e) < 0)
        fail_msg("%s: %s", expression, e.text);
    fx->job_done = false;
    assert_int_equal(script_job_start(fx->host, FX_JOB, &e), 0);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(script_job_add_host(fx->host, FX_JOB, &targets[i], &e), 0);
    assert_int_equal(script_job_finish(fx->host, FX_JOB), 0);
    fx_wait(120);
    assert_true(fx->job_done);
}

/* The one result of a script; NULL: none. */
static const struct fx_result *fx_result_of(const char *script)
{
    for (size_t i = 0; i < fx->n_results; i++)
        if (strcmp(fx->results[i].script, script) == 0)
            return &fx->results[i];
    return NULL;
}

UNUSED static void fx_expect(const char *script, enum script_outcome outcome, const char *text)
{
    const struct fx_result *r = fx_result_of(script);
    const char *got;

    if (!r)
        fail_msg("%s: no result", script);
    got = r->outcome == SCRIPT_OK ? r->output : r->reason;
    if (r->outcome != outcome)
        fail_msg("%s: %s: %s", script, script_outcome_name(r->outcome), got ? got : "");
    if (text && (!got || !strstr(got, text)))
        fail_msg("%s: '%s' is not in '%s'", script, text, got ? got : "");
}
