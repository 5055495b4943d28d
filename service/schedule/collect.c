/* One record per host in a hash by address; those that are done stand in a queue as well.
 *
 * A record keeps copies that own their texts (ipc_dup), and builds the contiguous arrays that the
 * store wants only when its part is made.  Addresses that were told are remembered, because a host
 * is told once per visit. */
#include "service/schedule/collect.h"

#include "service/ipc/messages.h"

#include <errno.h>
#include <string.h>
#include <sys/queue.h>
#include <uthash.h>

struct key {
    uint8_t bytes[21]; /* family, address, scope: struct addr has padding */
};

struct kept_result {
    struct script_result *r; /* owns its short texts */
    char *output, *data;
};

struct record {
    UT_hash_handle hh;
    TAILQ_ENTRY(record) entry; /* among the done */
    struct key key;
    struct addr address;
    struct host_finding *host; /* NULL: nothing said */
    struct port_finding **ports;
    size_t n_ports, cap_ports;
    struct kept_result *results;
    size_t n_results, cap_results;
    size_t bytes; /* of results */
    size_t texts; /* bytes of the others */
    bool done, unsure;
    struct port_finding *port_array; /* while in a part */
    struct script_result *result_array;
};

struct collect {
    struct record *hosts;
    TAILQ_HEAD(, record) done;
    size_t n_done, n_told, n_open;
    struct store_host part[COLLECT_PART_HOSTS];
    size_t n_part;
};

static struct key key_of(const struct addr *a)
{
    struct key k = {{0}};

    k.bytes[0] = a->family;
    memcpy(k.bytes + 1, a->b, sizeof a->b);
    memcpy(k.bytes + 17, &a->scope, sizeof a->scope);
    return k;
}

static void record_clear(struct record *r)
{
    for (size_t i = 0; i < r->n_ports; i++)
        free(r->ports[i]);
    for (size_t i = 0; i < r->n_results; i++) {
        free(r->results[i].r);
        free(r->results[i].output);
        free(r->results[i].data);
    }
    free(r->ports);
    free(r->results);
    free(r->host);
    free(r->port_array);
    free(r->result_array);
    r->ports = NULL;
    r->results = NULL;
    r->host = NULL;
    r->port_array = NULL;
    r->result_array = NULL;
    r->n_ports = r->cap_ports = r->n_results = r->cap_results = 0;
    r->bytes = r->texts = 0;
}

struct collect *collect_new(void)
{
    struct collect *c = calloc(1, sizeof *c);

    if (c)
        TAILQ_INIT(&c->done);
    return c;
}

struct collect *collect_free(struct collect *c)
{
    struct record *r, *next;

    if (!c)
        return NULL;
    HASH_ITER (hh, c->hosts, r, next) {
        HASH_DEL(c->hosts, r);
        record_clear(r);
        free(r);
    }
    free(c);
    return NULL;
}

void collect_freep(struct collect **c)
{
    collect_free(*c);
}

static struct record *record_find(struct collect *c, const struct addr *a)
{
    struct key k = key_of(a);
    struct record *r;

    HASH_FIND(hh, c->hosts, &k, sizeof k, r);
    return r;
}

/* The open record of an address, made when there is none.  NULL with *ret_error: -ENOMEM,
 * -EALREADY. */
static struct record *record_open(struct collect *c, const struct addr *a, int *ret_error)
{
    struct record *r = record_find(c, a);

    *ret_error = -EALREADY;
    if (r)
        return r->done ? NULL : r;
    r = calloc(1, sizeof *r);
    *ret_error = -ENOMEM;
    if (!r)
        return NULL;
    r->key = key_of(a);
    r->address = *a;
    HASH_ADD(hh, c->hosts, key, sizeof r->key, r);
    c->n_open++;
    return r;
}

int collect_host(struct collect *c, const struct host_finding *h)
{
    int error;
    struct record *r = record_open(c, &h->address, &error);
    struct host_finding *copy;

    if (!r)
        return error;
    copy = ipc_dup(ipc_message_find(MSG_SCAN_HOST), h);
    if (!copy)
        return -ENOMEM;
    free(r->host);
    r->host = copy;
    return 0;
}

/* Room for one more element, at most max. */
static int grow(void **array, size_t n, size_t *cap, size_t size, size_t max)
{
    size_t more = *cap ? 2 * *cap : 8;
    void *grown;

    if (n < *cap)
        return 0;
    if (n >= max)
        return -E2BIG;
    grown = reallocarray(*array, more, size);
    if (!grown)
        return -ENOMEM;
    *array = grown;
    *cap = more;
    return 0;
}

/* What does not fit is dropped, and nothing is concluded from its absence. */
static int dropped(struct record *r, int error)
{
    if (error != -E2BIG)
        return error;
    r->unsure = true;
    return 0;
}

/* Whether the record takes so many bytes more of words. */
static int take_texts(struct record *r, size_t bytes)
{
    if (r->texts + bytes > COLLECT_TEXTS_MAX)
        return -E2BIG;
    r->texts += bytes;
    return 0;
}

int collect_port(struct collect *c, const struct port_finding *p)
{
    const struct ipc_message *m = ipc_message_find(MSG_SCAN_PORT);
    int error;
    struct record *r = record_open(c, &p->address, &error);
    struct port_finding *copy;

    if (!r)
        return error;
    error =
        grow((void **)&r->ports, r->n_ports, &r->cap_ports, sizeof *r->ports, COLLECT_PORTS_MAX);
    if (error == 0)
        error = take_texts(r, ipc_outside(m, p));
    if (error < 0)
        return dropped(r, error);
    copy = ipc_dup(m, p);
    if (!copy)
        return -ENOMEM;
    r->ports[r->n_ports++] = copy;
    return 0;
}

/* output may hold NUL bytes. */
static int keep_result(struct kept_result *k, const struct script_result *r)
{
    k->r = ipc_dup(ipc_message_find(MSG_RESULT), r);
    k->output = r->output ? malloc(r->output_len + 1) : NULL;
    k->data = r->data ? strdup(r->data) : NULL;
    if (!k->r || (r->output && !k->output) || (r->data && !k->data)) {
        free(k->r);
        free(k->output);
        free(k->data);
        return -ENOMEM;
    }
    if (r->output) {
        memcpy(k->output, r->output, r->output_len);
        k->output[r->output_len] = 0;
    }
    k->r->output = k->output;
    k->r->output_len = r->output ? r->output_len : 0;
    k->r->data = k->data;
    k->r->xml = NULL;
    return 0;
}

int collect_result(struct collect *c, const struct script_result *result)
{
    int error;
    struct record *r = record_open(c, &result->address, &error);
    size_t bytes = result->output_len + (result->data ? strlen(result->data) : 0);

    if (!r)
        return error;
    error = r->bytes + bytes > COLLECT_BYTES_MAX
                ? -E2BIG
                : grow((void **)&r->results, r->n_results, &r->cap_results, sizeof *r->results,
                       COLLECT_PORTS_MAX);
    if (error == 0)
        error = take_texts(r, ipc_outside(ipc_message_find(MSG_RESULT), result));
    if (error == 0)
        error = keep_result(&r->results[r->n_results], result);
    if (error < 0)
        return dropped(r, error);
    r->bytes += bytes;
    r->n_results++;
    return 0;
}

static void record_done(struct collect *c, struct record *r, enum collect_certainty how)
{
    r->done = true;
    r->unsure = r->unsure || how == COLLECT_UNSURE;
    TAILQ_INSERT_TAIL(&c->done, r, entry);
    c->n_open--;
    c->n_done++;
}

int collect_done(struct collect *c, const struct addr *a, enum collect_certainty how)
{
    int error;
    struct record *r = record_open(c, a, &error);

    if (!r)
        return error;
    record_done(c, r, how);
    return 0;
}

void collect_end(struct collect *c)
{
    struct record *r, *next;

    HASH_ITER (hh, c->hosts, r, next)
        if (!r->done)
            record_done(c, r, COLLECT_UNSURE);
}

void collect_forget(struct collect *c, const struct addr *a)
{
    struct record *r = record_find(c, a);

    if (!r || r->done)
        return;
    HASH_DEL(c->hosts, r);
    c->n_open--;
    record_clear(r);
    free(r);
}

bool collect_is_done(struct collect *c, const struct addr *a)
{
    const struct record *r = record_find(c, a);

    return r && r->done;
}

size_t collect_waiting(const struct collect *c)
{
    return c->n_done;
}

size_t collect_told(const struct collect *c)
{
    return c->n_told;
}

size_t collect_open(const struct collect *c)
{
    return c->n_open;
}

/* The arrays of a record for the store.  False: no memory. */
static bool record_arrays(struct record *r)
{
    if (!r->port_array)
        r->port_array = calloc(r->n_ports + 1, sizeof *r->port_array);
    if (!r->result_array)
        r->result_array = calloc(r->n_results + 1, sizeof *r->result_array);
    if (!r->port_array || !r->result_array)
        return false;
    for (size_t i = 0; i < r->n_ports; i++)
        r->port_array[i] = *r->ports[i];
    for (size_t i = 0; i < r->n_results; i++)
        r->result_array[i] = *r->results[i].r;
    return true;
}

static struct store_host host_of(const struct record *r)
{
    struct store_host h = {
        .unsure = r->unsure,
        .ports = r->port_array,
        .n_ports = r->n_ports,
        .results = r->result_array,
        .n_results = r->n_results,
    };

    if (r->host)
        h.finding = *r->host;
    h.finding.address = r->address;
    return h;
}

bool collect_any(const struct collect *c, bool (*is)(void *user, const struct host_finding *h),
                 void *user)
{
    const struct record *r;

    TAILQ_FOREACH (r, &c->done, entry)
        if (r->host && is(user, r->host))
            return true;
    return false;
}

size_t collect_part(struct collect *c, struct store_host **ret)
{
    struct record *r;
    size_t bytes = 0;

    c->n_part = 0;
    TAILQ_FOREACH (r, &c->done, entry) {
        if (c->n_part == COLLECT_PART_HOSTS || (c->n_part && bytes > COLLECT_PART_BYTES) ||
            !record_arrays(r))
            break;
        c->part[c->n_part++] = host_of(r);
        bytes += r->bytes + r->texts;
    }
    *ret = c->part;
    return c->n_part;
}

void collect_drop_part(struct collect *c)
{
    while (c->n_part) {
        struct record *r = TAILQ_FIRST(&c->done);

        TAILQ_REMOVE(&c->done, r, entry);
        record_clear(r);
        c->n_part--;
        c->n_done--;
        c->n_told++;
    }
}
