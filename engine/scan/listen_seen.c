/* A hash table of fixed size with the order of last hearing.
 *
 * Two kinds of source differ in what counts as a change.  ARP, neighbour and router discovery, LLDP
 * and CDP say all they have to say in each frame: there the last word of a subject is remembered,
 * and a different one is a change, also when it changes back (two machines quarrelling over an
 * address).  DHCP, mDNS, SSDP and NetBIOS spread what they say over frames of different content:
 * there each content is a subject of its own, or every exchange would look like changes.
 *
 * Subjects are known by 128 bits of a keyed hash, so that a stranger can neither find two that
 * collide nor fill one chain.  Somebody who invents senders pushes out others only as fast as the
 * rate limit lets him be told; what was pushed out is then told once more, never lost. */
#include "engine/scan/listen_seen.h"

#include "engine/base/random.h"

#include <errno.h>
#include <string.h>
#include <sys/queue.h>

struct entry {
    uint64_t id[2];
    uint64_t content;
    usec_t told;
    TAILQ_ENTRY(entry) by_hearing;
    LIST_ENTRY(entry) chain;
};

LIST_HEAD(chain, entry);

struct seen {
    struct seen_opts o;
    struct siphash_key keys[2];
    struct buf text;
    struct entry *entries;
    struct chain *chains; /* o.max of them */
    TAILQ_HEAD(, entry) order, spare;
    size_t n;
    uint64_t evicted;
    double tokens;
    usec_t filled; /* when tokens were counted last */
};

struct seen *seen_free(struct seen *s)
{
    if (!s)
        return NULL;
    buf_done(&s->text);
    free(s->entries);
    free(s->chains);
    free(s);
    return NULL;
}

void seen_freep(struct seen **s)
{
    *s = seen_free(*s);
}

int seen_new(struct seen **ret, const struct seen_opts *o, struct err *e)
{
    CLEANUP(seen_freep) struct seen *s = NULL;

    if (o->max == 0 || !(o->rate > 0))
        return err_set(e, -EINVAL, "a listener needs a table and a rate above 0");
    s = calloc(1, sizeof *s);
    if (!s)
        return err_set(e, -ENOMEM, "out of memory");
    s->entries = calloc(o->max, sizeof *s->entries);
    s->chains = calloc(o->max, sizeof *s->chains);
    if (!s->entries || !s->chains)
        return err_set(e, -ENOMEM, "out of memory");
    s->o = *o;
    s->tokens = o->rate;
    random_bytes(s->keys, sizeof s->keys);
    TAILQ_INIT(&s->order);
    TAILQ_INIT(&s->spare);
    for (size_t i = 0; i < o->max; i++)
        TAILQ_INSERT_TAIL(&s->spare, &s->entries[i], by_hearing);
    *ret = take(&s);
    return 0;
}

/* What is remembered by its last word. */
static bool tells_all(const struct sighting *w)
{
    static const char *const sources[] = {"arp", "nd", "ra", "lldp", "cdp"};

    for (size_t i = 0; i < ARRAY_LEN(sources); i++)
        if (!strcmp(w->source, sources[i]))
            return true;
    return false;
}

/* Addresses that have a holder are subjects of ARP and ND: that the holder changes is the news.
 * Everything else is the word of a device, known by its MAC. */
static void write_subject(struct buf *out, const struct sighting *w)
{
    bool by_address = !strcmp(w->source, "arp") || !strcmp(w->source, "nd");
    struct sighting subject = {.source = w->source, .vlan = w->vlan};

    if (by_address && w->n_addresses) {
        subject.addresses[0] = w->addresses[0];
        subject.n_addresses = 1;
    } else {
        subject.has_mac = w->has_mac;
        subject.mac = w->mac;
    }
    sighting_content(out, &subject);
}

static uint64_t hash(struct seen *s, size_t key)
{
    return siphash(&s->keys[key], s->text.data, s->text.len);
}

static struct entry *find(struct seen *s, const uint64_t id[2])
{
    struct entry *x;

    LIST_FOREACH (x, &s->chains[id[0] % s->o.max], chain)
        if (x->id[0] == id[0] && x->id[1] == id[1])
            return x;
    return NULL;
}

static struct entry *add(struct seen *s, const uint64_t id[2])
{
    struct entry *x = TAILQ_FIRST(&s->spare);

    if (x) {
        TAILQ_REMOVE(&s->spare, x, by_hearing);
        s->n++;
    } else {
        x = TAILQ_FIRST(&s->order);
        TAILQ_REMOVE(&s->order, x, by_hearing);
        LIST_REMOVE(x, chain);
        s->evicted++;
    }
    *x = (struct entry){.id = {id[0], id[1]}};
    LIST_INSERT_HEAD(&s->chains[id[0] % s->o.max], x, chain);
    TAILQ_INSERT_TAIL(&s->order, x, by_hearing);
    return x;
}

static bool may_tell(struct seen *s, usec_t now)
{
    if (now > s->filled)
        s->tokens += (double)(now - s->filled) * s->o.rate / (double)USEC_PER_SEC;
    if (s->tokens > s->o.rate)
        s->tokens = s->o.rate;
    s->filled = now;
    /* A rate below 1 still lets one through when its time has come. */
    if (s->tokens < 1 && s->tokens < s->o.rate)
        return false;
    s->tokens -= 1;
    return true;
}

enum seen_verdict seen_check(struct seen *s, const struct sighting *what, usec_t now)
{
    uint64_t id[2], content;
    struct entry *x;

    buf_clear(&s->text);
    sighting_content(&s->text, what);
    content = hash(s, 0);
    if (tells_all(what)) {
        buf_clear(&s->text);
        write_subject(&s->text, what);
    }
    if (s->text.failed)
        return SEEN_LIMIT;
    id[0] = hash(s, 0);
    id[1] = hash(s, 1);
    x = find(s, id);
    if (x) {
        TAILQ_REMOVE(&s->order, x, by_hearing);
        TAILQ_INSERT_TAIL(&s->order, x, by_hearing);
        if (x->content == content && now - x->told < s->o.repeat)
            return SEEN_REPEAT;
    }
    if (!may_tell(s, now))
        return SEEN_LIMIT;
    if (!x)
        x = add(s, id);
    x->content = content;
    x->told = now;
    return SEEN_TELL;
}

size_t seen_count(const struct seen *s)
{
    return s->n;
}

uint64_t seen_evicted(const struct seen *s)
{
    return s->evicted;
}
