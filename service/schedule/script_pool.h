/* The core's end of the script workers: which worker runs which job, set-up, results put together,
 * death and blame.
 *
 * A worker holds the scripts of one (zone, pass) at a time and runs up to POOL_JOBS jobs of it side
 * by side.  Jobs wait in line; urgent ones (hosts whose ports just opened) in front.  A script that
 * killed its worker POOL_DEATHS times is left out of every pass until the process starts anew, and
 * that is said once. Callbacks come from the loop, never inside pool_submit().  After `done` or
 * `failed` no other comes. */
#pragma once

#include "engine/loop/loop.h"
#include "service/ipc/messages.h"
#include "service/schedule/generation.h"

struct script_pool;
struct pool_job;

#define POOL_JOBS   4
#define POOL_DEATHS 2

struct pool_order {
    const struct generation *generation; /* these three stay until the end of the job */
    const struct config_zone *zone;
    const struct config_pass *pass;
    bool urgent;
    void *user;
    /* Send hosts now, as long as pool_job_takes(): first when the worker is ready, then whenever
     * there is room again.  scripts: the ids that the pass selected; valid until the end of the
     * job. */
    void (*feed)(void *user, const char *const *scripts, size_t n);
    void (*result)(void *user, const struct script_result *r); /* r with output and data */
    void (*port_seen)(void *user, const struct port_finding *p);
    void (*told)(void *user, const struct addr *a); /* a script was told of it */
    void (*host_done)(void *user, const struct addr *a);
    void (*done)(void *user);
    /* -ECONNRESET: the worker died while `script` ran (NULL: not known), the job may be submitted
     * again; else the scripts cannot be loaded or selected. */
    void (*failed)(void *user, int status, const char *script, const char *why);
};

/* complaint: a script that does not load; may come often for one script. */
struct script_pool_opts {
    void *user;
    void (*complaint)(void *user, const char *script, const char *why);
    /* A script that was loaded declares keys (one a line) that do not count in its results. */
    void (*declared)(void *user, const char *script, const char *keys);
};

int script_pool_new(struct script_pool **ret, struct loop *l,
                    const struct script_pool_opts *o) MUST_USE;
struct script_pool *script_pool_free(struct script_pool *p);

/* A worker is there; fd becomes the pool's own. */
int script_pool_peer(struct script_pool *p, uint32_t index, int fd, struct err *e) MUST_USE;
/* It is gone.  script: that ran; NULL: none or not known. */
void script_pool_gone(struct script_pool *p, uint32_t index, const char *script, const char *why);

int script_pool_submit(struct script_pool *p, const struct pool_order *o,
                       struct pool_job **ret) MUST_USE;
/* Whether more hosts should be sent right now. */
bool pool_job_takes(const struct pool_job *j);
int pool_job_host(struct pool_job *j, const struct script_target *t);
void pool_job_finish(struct pool_job *j); /* no more hosts: done follows when all are through */
void pool_job_cancel(struct pool_job *j); /* no callback comes any more */

void script_pool_hold(struct script_pool *p);
void script_pool_resume(struct script_pool *p);
