/* Findings of a file, with the memory behind them: texts in chunks, since there are many and short
 * ones, and none is given back before all are. */
#include "service/import/run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES 65536
#define FIRST_XML   (883612800 * USEC_PER_SEC) /* 1998-01-01: nmap had no XML yet */
#define CLOCK_SKEW  (10 * 60 * USEC_PER_SEC)

struct text_chunk {
    struct text_chunk *next;
    size_t used, size;
    char text[];
};

struct nmap_run *nmap_run_new(void)
{
    return calloc(1, sizeof(struct nmap_run));
}

struct nmap_run *nmap_run_free(struct nmap_run *r)
{
    struct text_chunk *next;

    if (!r)
        return NULL;
    for (size_t i = 0; i < r->n_hosts; i++) {
        free(r->hosts[i].ports);
        free(r->hosts[i].results);
    }
    free(r->hosts);
    for (struct text_chunk *c = r->texts; c; c = next) {
        next = c->next;
        free(c);
    }
    free(r);
    return NULL;
}

void nmap_run_freep(struct nmap_run **r)
{
    *r = nmap_run_free(*r);
}

usec_t nmap_run_seen(const struct nmap_run *r, const struct nmap_host *h)
{
    if (h->finding.time)
        return h->finding.time;
    return r->ended ? r->ended : r->started;
}

int nmap_run_times(const struct nmap_run *r, usec_t now, struct err *e)
{
    char address[ADDR_TEXT_MAX], time[TIME_TEXT_MAX];

    for (size_t i = 0; i < r->n_hosts; i++) {
        const struct nmap_host *h = &r->hosts[i];
        usec_t at = nmap_run_seen(r, h);

        if (at >= FIRST_XML && at <= now + CLOCK_SKEW)
            continue;
        return err_set(e, -EBADMSG, "its host %s was seen at %s, %s; was a clock wrong?",
                       addr_format(&h->finding.address, address), time_format(at, time),
                       at < FIRST_XML ? "before nmap wrote XML (1998)" : "which is still to come");
    }
    return 0;
}

static int account(struct nmap_run *r, size_t n)
{
    if (n > NMAP_RUN_BYTES_MAX - r->bytes)
        return -E2BIG;
    r->bytes += n;
    return 0;
}

/* Room for n bytes in the first chunk, or in a new one; NULL: no memory. */
static char *chunk_room(struct nmap_run *r, size_t n)
{
    struct text_chunk *c = r->texts;
    size_t size = n > CHUNK_BYTES ? n : CHUNK_BYTES;

    if (!c || c->size - c->used < n) {
        c = malloc(sizeof *c + size);
        if (!c)
            return NULL;
        *c = (struct text_chunk){.next = r->texts, .size = size};
        r->texts = c;
    }
    c->used += n;
    return c->text + c->used - n;
}

int nmap_run_text(struct nmap_run *r, const char *s, size_t len, const char **ret)
{
    char *copy;
    int e = s ? account(r, len + 1) : 0;

    *ret = NULL;
    if (e < 0 || !s)
        return e;
    copy = chunk_room(r, len + 1);
    if (!copy)
        return -ENOMEM;
    memcpy(copy, s, len);
    copy[len] = '\0';
    *ret = copy;
    return 0;
}

/* Room for one more behind n, in powers of two. */
static int grow(struct nmap_run *r, void **list, size_t n, size_t size)
{
    size_t room = n ? n : 1;
    void *grown;
    int e;

    if (n & (n - 1))
        return 0;
    e = account(r, room * size);
    if (e < 0)
        return e;
    grown = realloc(*list, (n ? n * 2 : 1) * size);
    if (!grown)
        return -ENOMEM;
    *list = grown;
    return 0;
}

int nmap_run_host(struct nmap_run *r, const struct host_finding *h)
{
    int e = grow(r, (void **)&r->hosts, r->n_hosts, sizeof *r->hosts);

    if (e == 0)
        r->hosts[r->n_hosts++] = (struct nmap_host){.finding = *h};
    return e;
}

int nmap_run_port(struct nmap_run *r, struct nmap_host *h, const struct port_finding *p)
{
    int e = grow(r, (void **)&h->ports, h->n_ports, sizeof *h->ports);

    if (e == 0)
        h->ports[h->n_ports++] = *p;
    return e;
}

int nmap_run_result(struct nmap_run *r, struct nmap_host *h, const struct script_result *s)
{
    int e = grow(r, (void **)&h->results, h->n_results, sizeof *h->results);

    if (e == 0)
        h->results[h->n_results++] = *s;
    return e;
}

static int by_address(const void *a, const void *b)
{
    const struct nmap_host *x = a, *y = b;

    return addr_cmp(&x->finding.address, &y->finding.address);
}

/* What was told later of the same address, behind what was told first. */
static int merge(struct nmap_run *r, struct nmap_host *to, const struct nmap_host *from)
{
    struct host_finding *f = &to->finding;
    int e = 0;

    if (!f->has_mac && from->finding.has_mac) {
        f->has_mac = true;
        f->mac = from->finding.mac;
        f->vendor = from->finding.vendor;
    }
    f->hostname = f->hostname ? f->hostname : from->finding.hostname;
    f->time = from->finding.time > f->time ? from->finding.time : f->time;
    for (size_t i = 0; e == 0 && i < from->n_ports; i++)
        e = nmap_run_port(r, to, &from->ports[i]);
    for (size_t i = 0; e == 0 && i < from->n_results; i++)
        e = nmap_run_result(r, to, &from->results[i]);
    return e;
}

/* The hosts from `at` on that have the address of the first; returns how many, put into that one.
 */
static size_t merge_same(struct nmap_run *r, size_t at, int *ret_error)
{
    struct nmap_host *first = &r->hosts[at];
    size_t n = 1;

    while (at + n < r->n_hosts && by_address(first, &r->hosts[at + n]) == 0) {
        struct nmap_host *other = &r->hosts[at + n++];

        if (*ret_error == 0)
            *ret_error = merge(r, first, other);
        free(other->ports);
        free(other->results);
        *other = (struct nmap_host){.finding = other->finding};
    }
    return n;
}

/* qsort() of equal addresses keeps no order: their times do, and where those are the same it does
 * not matter. */
static int by_address_and_time(const void *a, const void *b)
{
    const struct nmap_host *x = a, *y = b;
    int d = by_address(a, b);

    return d ? d : (x->finding.time > y->finding.time) - (x->finding.time < y->finding.time);
}

int nmap_run_close(struct nmap_run *r)
{
    size_t n = 0;
    int e = 0;

    if (r->n_hosts)
        qsort(r->hosts, r->n_hosts, sizeof *r->hosts, by_address_and_time);
    for (size_t i = 0, same; i < r->n_hosts; i += same) {
        struct nmap_host h;

        same = merge_same(r, i, &e);
        h = r->hosts[i];
        r->hosts[i] = (struct nmap_host){.finding = h.finding};
        r->hosts[n++] = h;
    }
    r->n_hosts = n;
    return e;
}
