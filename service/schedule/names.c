/* See names.h.  One resolver for each list of servers, one entry for each address and resolver.
 *
 * Entries that have no name are kept too, so that an address without one is not asked in each
 * visit.  The hash keeps the order of insertion, and an entry that is asked again goes to the end:
 * the oldest one is the first. */
#include "service/schedule/names.h"

#include "engine/base/log.h"
#include "engine/loop/dns.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <uthash.h>

struct name_key {
    uint8_t bytes[17]; /* family, address */
};

struct resolver;

struct name_entry {
    UT_hash_handle hh;
    TAILQ_ENTRY(name_entry) entry; /* of those that wait for their turn */
    struct resolver *resolver;
    struct name_key key;
    struct addr address;
    char *name;    /* NULL: none known */
    bool nameless; /* as the server says */
    bool sure;     /* it did not take a name back for the first time */
    usec_t ask_at; /* not before; monotonic */
    usec_t every;  /* after an answer */
    bool waiting, asking;
};

struct resolver {
    LIST_ENTRY(resolver) entry;
    struct names *names;
    char *servers; /* NULL: as the system says */
    struct dns *dns;
    struct name_entry *entries;
    TAILQ_HEAD(, name_entry) waiting;
    unsigned asking, failures;
    usec_t rest_until; /* 0: answers */
};

struct names {
    struct loop *loop;
    LIST_HEAD(, resolver) resolvers;
    unsigned asking; /* by all */
    bool closed;     /* goes with the last lookup */
};

static struct name_key key_of(const struct addr *a)
{
    struct name_key k = {{0}};

    k.bytes[0] = a->family;
    memcpy(k.bytes + 1, a->b, addr_len(a));
    return k;
}

static void entry_free(struct name_entry *e)
{
    struct resolver *r = e->resolver;

    HASH_DEL(r->entries, e);
    if (e->waiting)
        TAILQ_REMOVE(&r->waiting, e, entry);
    free(e->name);
    free(e);
}

static void names_destroy(struct names *n)
{
    struct resolver *r;

    while ((r = LIST_FIRST(&n->resolvers))) {
        LIST_REMOVE(r, entry);
        while (r->entries)
            entry_free(r->entries);
        free(r->servers);
        free(r);
    }
    free(n);
}

int names_new(struct names **ret, struct loop *l)
{
    struct names *n = calloc(1, sizeof *n);

    if (!n)
        return -ENOMEM;
    n->loop = l;
    LIST_INIT(&n->resolvers);
    *ret = n;
    return 0;
}

struct names *names_free(struct names *n)
{
    struct resolver *r;

    if (!n)
        return NULL;
    n->closed = true;
    LIST_FOREACH (r, &n->resolvers, entry)
        r->dns = dns_free(r->dns);
    if (!n->asking)
        names_destroy(n);
    return NULL;
}

static bool same_servers(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static struct resolver *resolver_find(struct names *n, const char *servers)
{
    struct resolver *r;

    LIST_FOREACH (r, &n->resolvers, entry)
        if (same_servers(r->servers, servers))
            return r;
    return NULL;
}

static struct resolver *resolver_of(struct names *n, const char *servers)
{
    struct resolver *r = resolver_find(n, servers);

    if (r)
        return r;
    r = calloc(1, sizeof *r);
    if (!r || (servers && !(r->servers = strdup(servers)))) {
        free(r);
        return NULL;
    }
    r->names = n;
    TAILQ_INIT(&r->waiting);
    LIST_INSERT_HEAD(&n->resolvers, r, entry);
    return r;
}

static struct name_entry *entry_find(struct resolver *r, const struct addr *a)
{
    struct name_key k = key_of(a);
    struct name_entry *e = NULL;

    if (r)
        HASH_FIND(hh, r->entries, &k, sizeof k, e);
    return e;
}

/* Room for one more: the oldest that is not being asked goes. */
static void make_room(struct resolver *r)
{
    struct name_entry *e, *next;

    if (HASH_COUNT(r->entries) < NAMES_KEPT)
        return;
    HASH_ITER (hh, r->entries, e, next)
        if (!e->asking) {
            entry_free(e);
            return;
        }
}

static struct name_entry *entry_of(struct resolver *r, const struct addr *a)
{
    struct name_entry *e = entry_find(r, a);

    if (e)
        return e;
    make_room(r);
    e = calloc(1, sizeof *e);
    if (!e)
        return NULL;
    e->resolver = r;
    e->key = key_of(a);
    e->address = *a;
    HASH_ADD(hh, r->entries, key, sizeof e->key, e);
    return e;
}

/* -------------------------------------------------------------------- asking */

static void lookups_start(struct resolver *r);

static void waiting_drop(struct resolver *r)
{
    struct name_entry *e;

    while ((e = TAILQ_FIRST(&r->waiting))) {
        TAILQ_REMOVE(&r->waiting, e, entry);
        e->waiting = false;
    }
}

/* Whoever does not answer is not asked for every host of a network. */
static void resolver_failed(struct resolver *r)
{
    usec_t now = loop_now(r->names->loop);

    if (++r->failures < NAMES_SILENT || r->rest_until > now)
        return;
    if (!r->rest_until)
        log_event(LOG_NOTICE, "name servers do not answer, hosts keep the names they have", "EVENT",
                  "names-silent", "SERVERS", r->servers ? r->servers : "of the system");
    r->rest_until = now + NAMES_REST;
    waiting_drop(r);
}

static void resolver_answers(struct resolver *r)
{
    if (r->rest_until)
        log_event(LOG_NOTICE, "name servers answer again", "EVENT", "names-back", "SERVERS",
                  r->servers ? r->servers : "of the system");
    r->rest_until = 0;
    r->failures = 0;
}

static void entry_set(struct name_entry *e, const char *name)
{
    char *copy = name ? strdup(name) : NULL;

    if (name && !copy)
        return; /* what was known stays, until it is asked again */
    e->sure = copy || !e->name;
    e->nameless = !copy;
    free(e->name);
    e->name = copy;
    if (!e->sure) /* the next visit asks again, before a name is lost */
        e->ask_at = loop_now(e->resolver->names->loop);
}

static void on_name(void *user, int status, const char *name)
{
    struct name_entry *e = user;
    struct resolver *r = e->resolver;
    struct names *n = r->names;
    bool answer = status == 0 || status == -ENOENT;

    e->asking = false;
    r->asking--;
    n->asking--;
    if (n->closed) {
        if (!n->asking)
            names_destroy(n);
        return;
    }
    e->ask_at = loop_now(n->loop) + (answer || e->every < NAMES_RETRY ? e->every : NAMES_RETRY);
    if (answer) {
        resolver_answers(r);
        entry_set(e, name);
    } else
        resolver_failed(r);
    lookups_start(r);
}

static int resolver_open(struct resolver *r)
{
    const struct dns_opts o = {.servers = r->servers};
    struct err e = {0};

    if (r->dns)
        return 0;
    return dns_new(&r->dns, r->names->loop, &o, &e);
}

static void lookups_start(struct resolver *r)
{
    struct name_entry *e;

    while (r->asking < NAMES_AT_A_TIME && (e = TAILQ_FIRST(&r->waiting))) {
        TAILQ_REMOVE(&r->waiting, e, entry);
        e->waiting = false;
        if (resolver_open(r) < 0 || dns_reverse(r->dns, &e->address, on_name, e, NULL) < 0) {
            e->ask_at = loop_now(r->names->loop) + NAMES_RETRY;
            continue;
        }
        e->asking = true;
        r->asking++;
        r->names->asking++;
    }
}

/* After a rest: whatever the system says of its servers by now, and one question at a time. */
static bool resolver_ready(struct resolver *r)
{
    if (!r->rest_until)
        return true;
    if (loop_now(r->names->loop) < r->rest_until || r->asking)
        return false;
    r->dns = dns_free(r->dns);
    return TAILQ_EMPTY(&r->waiting);
}

void names_want(struct names *n, const char *servers, const struct addr *a, usec_t every)
{
    struct resolver *r = resolver_of(n, servers);
    struct name_entry *e = r ? entry_of(r, a) : NULL;

    if (!e)
        return;
    e->every = every;
    if (e->waiting || e->asking || e->ask_at > loop_now(n->loop) || !resolver_ready(r))
        return;
    HASH_DEL(r->entries, e);
    HASH_ADD(hh, r->entries, key, sizeof e->key, e);
    TAILQ_INSERT_TAIL(&r->waiting, e, entry);
    e->waiting = true;
    lookups_start(r);
}

const char *names_of(struct names *n, const char *servers, const struct addr *a)
{
    const struct name_entry *e = entry_find(resolver_find(n, servers), a);

    if (!e || (!e->name && !e->nameless))
        return NULL;
    return e->name ? e->name : "";
}

bool names_expected(struct names *n, const char *servers, const struct addr *a)
{
    const struct name_entry *e = entry_find(resolver_find(n, servers), a);

    return e && !e->name && !e->sure && (e->waiting || e->asking) && !e->resolver->rest_until;
}
