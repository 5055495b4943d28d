/* See heard.h. */
#include "service/schedule/heard.h"

#include "engine/base/log.h"
#include "service/schedule/heard_said.h"

#include <errno.h>
#include <string.h>
#include <sys/queue.h>

#define ROWS_MAX        (HEARD_BATCH * (SIGHTING_ADDRESSES_MAX + 1))
#define RETRY_AFTER     USEC_PER_SEC /* when the store takes nothing */
#define LISTENERS_MAX   64
#define LISTENERS_EVERY (60 * USEC_PER_SEC)

/* One sighting, with the addresses that are the zone's. */
struct item {
    TAILQ_ENTRY(item) entry;
    char zone[STORE_NAME_MAX];
    struct sighting *s; /* owns its texts */
    char others[SIGHTING_ADDRESSES_MAX][ADDR_TEXT_MAX];
    size_t n_others;
};

/* What is remembered of a row of a batch, to offer it again. */
struct row {
    char zone[STORE_NAME_MAX];
    char source[16];
    struct addr address;
    struct mac mac;
    bool has_mac, held;
    usec_t time;
};

struct again {
    struct row row;
    unsigned tries;
    usec_t due; /* monotonic */
};

struct heard {
    struct loop *loop;
    struct heard_opts o;
    TAILQ_HEAD(, item) queue;
    size_t waiting;
    struct task flush;
    struct timer retry;
    bool asking;
    struct row rows[ROWS_MAX]; /* of the batch that the store has */
    size_t n_rows;
    struct again again[HEARD_AGAIN_MAX];
    size_t n_again;
    struct timer look_again;
    uint64_t left_out;
    bool told_left_out;
    struct listener {
        char interface[IPC_NAME_MAX], why[256];
        bool up;
        struct ipc_listener m;
    } listeners[LISTENERS_MAX];
    size_t n_listeners;
    struct timer tell_listeners;
    bool closed;
};

static const char told_source[] = "script";

static void send_batch(struct heard *h);

/* -------------------------------------------------------------------- the queue */

static void item_free(struct item *i)
{
    if (i)
        free(i->s);
    free(i);
}

static void enqueue(struct heard *h, struct item *i)
{
    TAILQ_INSERT_TAIL(&h->queue, i, entry);
    h->waiting++;
    if (!h->asking)
        loop_post(h->loop, &h->flush);
}

static void leave_out(struct heard *h)
{
    h->left_out++;
    if (h->told_left_out)
        return;
    h->told_left_out = true;
    log_event(LOG_WARNING,
              "more is heard than the database takes; what is left out will be heard again");
}

/* Sorts the addresses: the zone's, others, and those that nobody may look at. */
static void sort_addresses(struct item *i, struct sighting *s, const struct config_zone *z)
{
    size_t n = 0;

    for (size_t j = 0; j < s->n_addresses; j++) {
        struct addr a = s->addresses[j];

        a.scope = 0;
        if (addr_set_contains(&z->scope, &a))
            s->addresses[n++] = a;
        else if (!addr_set_contains(&z->excluded, &a))
            addr_format(&a, i->others[i->n_others++]);
    }
    s->n_addresses = n;
    if (s->requested.family != ADDR_NONE && !addr_set_contains(&z->scope, &s->requested))
        s->requested = (struct addr){0};
}

void heard_sighting(struct heard *h, const struct config_zone *z, const struct sighting *s)
{
    struct sighting copy = *s;
    struct item *i;

    if (h->closed)
        return;
    if (h->waiting >= HEARD_WAITING) {
        leave_out(h);
        return;
    }
    i = calloc(1, sizeof *i);
    if (!i)
        return;
    snprintf(i->zone, sizeof i->zone, "%s", z->name);
    sort_addresses(i, &copy, z);
    if (copy.n_addresses || copy.requested.family != ADDR_NONE || copy.has_mac)
        i->s = ipc_dup(ipc_message_find(MSG_SIGHTING), &copy);
    if (i->s)
        enqueue(h, i);
    else
        item_free(i);
}

void heard_told(struct heard *h, const struct config_zone *z, const struct addr *a)
{
    struct sighting s = {.source = told_source, .time = loop_wall(h->loop), .requested = *a};

    s.requested.scope = 0;
    if (h->waiting < HEARD_WAITING / 2)
        heard_sighting(h, z, &s);
    else
        log_debug("left out what a script was told, much is heard");
}

/* -------------------------------------------------------------------- batches */

struct batch {
    struct store_sighting list[ROWS_MAX];
    struct heard_said said[HEARD_BATCH];
    size_t n;
};

static void add_row(struct heard *h, struct batch *b, const struct item *i, const struct addr *a,
                    bool held)
{
    struct row *r = &h->rows[b->n];

    *r = (struct row){.mac = i->s->mac, .has_mac = i->s->has_mac, .held = held};
    r->time = i->s->time;
    if (a)
        r->address = *a;
    snprintf(r->zone, sizeof r->zone, "%s", i->zone);
    snprintf(r->source, sizeof r->source, "%s", i->s->source);
    b->list[b->n++] = (struct store_sighting){
        .zone = r->zone,
        .address = r->address,
        .has_mac = r->has_mac,
        .mac = r->mac,
        .source = r->source,
        .held = held,
        .time = r->time,
    };
}

/* Rows of one sighting: the addresses that it holds, the one it wants, or just its MAC address. */
static void add_item(struct heard *h, struct batch *b, struct heard_said *said,
                     const struct item *i)
{
    size_t first = b->n;

    heard_said(said, i->s);
    for (size_t j = 0; j < i->n_others && said->n < HEARD_SAID_MAX; j++)
        said->list[said->n++] = (struct store_said){"address", i->others[j]};
    for (size_t j = 0; j < i->s->n_addresses; j++)
        add_row(h, b, i, &i->s->addresses[j], true);
    if (i->s->requested.family != ADDR_NONE)
        add_row(h, b, i, &i->s->requested, false);
    if (b->n == first && said->n)
        add_row(h, b, i, NULL, true);
    for (size_t j = first; j < b->n; j++) {
        b->list[j].said = said->list;
        b->list[j].n_said = said->n;
    }
}

static void again_set(struct heard *h)
{
    usec_t due = USEC_INFINITY, now = loop_now(h->loop);

    for (size_t i = 0; i < h->n_again; i++)
        if (h->again[i].due < due)
            due = h->again[i].due;
    if (due == USEC_INFINITY)
        timer_stop(h->loop, &h->look_again);
    else if (timer_set(h->loop, &h->look_again, due > now ? due - now : 0) < 0)
        h->n_again = 0; /* out of memory: the next pass finds them */
}

/* What the store said of one address. */
static void again_judge(struct heard *h, const struct row *r, char verdict)
{
    bool news = verdict == SIGHT_NEWS || verdict == SIGHT_WAITS;
    struct again *a = NULL;

    for (size_t i = 0; i < h->n_again && !a; i++)
        if (addr_equal(&h->again[i].row.address, &r->address) &&
            strcmp(h->again[i].row.zone, r->zone) == 0)
            a = &h->again[i];
    if (a && (!news || a->tries == HEARD_TRIES)) {
        *a = h->again[--h->n_again];
        return;
    }
    if (!news || (!a && h->n_again == HEARD_AGAIN_MAX))
        return;
    if (!a) {
        a = &h->again[h->n_again++];
        *a = (struct again){.row = *r};
    }
    a->due = loop_now(h->loop) + (HEARD_AGAIN << 2 * a->tries++);
}

static void on_sighted(void *user, int status, const char *verdicts, size_t n, const struct err *e)
{
    struct heard *h = user;
    bool news = false;

    h->asking = false;
    if (status == -ECANCELED)
        return;
    if (status < 0)
        log_event(LOG_ERR, "what was heard cannot be stored, it will be heard again", "WHY",
                  e ? err_text(e) : strerror(-status));
    for (size_t i = 0; i < n && i < h->n_rows && status == 0; i++) {
        news = news || verdicts[i] == SIGHT_NEWS;
        if (h->rows[i].address.family != ADDR_NONE && strcmp(h->rows[i].source, told_source) != 0)
            again_judge(h, &h->rows[i], verdicts[i]);
    }
    again_set(h);
    if (news)
        h->o.news(h->o.user);
    send_batch(h);
}

static void send_batch(struct heard *h)
{
    struct batch *b;
    size_t n = 0;
    struct item *i;
    int r;

    if (h->asking || !h->waiting)
        return;
    b = malloc(sizeof *b);
    if (b) {
        b->n = 0;
        TAILQ_FOREACH (i, &h->queue, entry)
            if (n < HEARD_BATCH)
                add_item(h, b, &b->said[n++], i);
    }
    r = b ? 0 : -ENOMEM;
    h->n_rows = b ? b->n : 0;
    if (b && b->n)
        r = h->o.store->sight(h->o.store->user, b->list, b->n, on_sighted, h);
    h->asking = r == 0 && h->n_rows;
    free(b);
    if (r < 0) {
        if (timer_set(h->loop, &h->retry, RETRY_AFTER) < 0)
            log_event(LOG_ERR, "out of memory, what was heard waits");
        return;
    }
    while (n-- && (i = TAILQ_FIRST(&h->queue))) {
        TAILQ_REMOVE(&h->queue, i, entry);
        h->waiting--;
        item_free(i);
    }
    if (!h->asking && h->waiting)
        loop_post(h->loop, &h->flush);
}

static void on_flush(struct task *t)
{
    send_batch(CONTAINER_OF(t, struct heard, flush));
}

static void on_retry(struct timer *t)
{
    send_batch(CONTAINER_OF(t, struct heard, retry));
}

static void offer(struct heard *h, const struct row *r)
{
    struct sighting s = {.source = r->source, .time = r->time};
    struct item *i = h->waiting < HEARD_WAITING ? calloc(1, sizeof *i) : NULL;

    if (!i)
        return;
    s.has_mac = r->has_mac;
    s.mac = r->mac;
    s.addresses[0] = r->held ? r->address : s.addresses[0];
    s.n_addresses = r->held;
    s.requested = r->held ? s.requested : r->address;
    snprintf(i->zone, sizeof i->zone, "%s", r->zone);
    i->s = ipc_dup(ipc_message_find(MSG_SIGHTING), &s);
    if (i->s)
        enqueue(h, i);
    else
        item_free(i);
}

static void on_look_again(struct timer *t)
{
    struct heard *h = CONTAINER_OF(t, struct heard, look_again);
    usec_t now = loop_now(h->loop);

    for (size_t i = 0; i < h->n_again; i++)
        if (h->again[i].due <= now) {
            h->again[i].due = USEC_INFINITY; /* until the store has said what it is */
            offer(h, &h->again[i].row);
        }
    again_set(h);
}

/* -------------------------------------------------------------------- listeners */

static int listeners_store(struct heard *h)
{
    struct store_listener list[LISTENERS_MAX];

    for (size_t i = 0; i < h->n_listeners; i++) {
        const struct listener *l = &h->listeners[i];

        list[i] = (struct store_listener){
            .interface = l->interface,
            .up = l->up,
            .promiscuous = l->m.promiscuous,
            .why = l->up ? NULL : l->why,
            .frames = l->m.frames,
            .bad = l->m.bad,
            .told = l->m.told,
            .limited = l->m.limited,
            .drops = l->m.drops,
        };
    }
    return h->o.store->listeners(h->o.store->user, list, h->n_listeners);
}

static void on_tell_listeners(struct timer *t)
{
    struct heard *h = CONTAINER_OF(t, struct heard, tell_listeners);
    usec_t next = listeners_store(h) < 0 ? RETRY_AFTER : LISTENERS_EVERY;

    if (timer_set(h->loop, &h->tell_listeners, next) < 0)
        log_debug("the figures of the listeners are not stored any more");
}

static struct listener *listener_of(struct heard *h, const char *interface, bool *ret_new)
{
    *ret_new = false;
    for (size_t i = 0; i < h->n_listeners; i++)
        if (strcmp(h->listeners[i].interface, interface) == 0)
            return &h->listeners[i];
    if (h->n_listeners == LISTENERS_MAX)
        return NULL;
    *ret_new = true;
    h->listeners[h->n_listeners] = (struct listener){0};
    snprintf(h->listeners[h->n_listeners].interface, IPC_NAME_MAX, "%s", interface);
    return &h->listeners[h->n_listeners++];
}

static void listener_log(const struct listener *l)
{
    if (l->up)
        log_event(LOG_INFO, "listening to what devices say", "INTERFACE", l->interface);
    else
        log_event(LOG_NOTICE, "an interface cannot be listened to, trying again", "INTERFACE",
                  l->interface, "WHY", l->why);
}

void heard_listener(struct heard *h, const struct ipc_listener *m)
{
    bool is_new, changed;
    struct listener *l = listener_of(h, m->interface, &is_new);

    if (!l || h->closed)
        return;
    changed = is_new || l->up != m->up || m->over;
    l->m = *m;
    l->m.interface = l->m.why = NULL;
    l->up = m->up;
    snprintf(l->why, sizeof l->why, "%s", m->why ? m->why : "");
    if (m->over)
        *l = h->listeners[--h->n_listeners];
    else if (changed)
        listener_log(l);
    /* At once, and again with the figures a minute later. */
    if ((changed || !timer_running(&h->tell_listeners)) &&
        timer_set(h->loop, &h->tell_listeners, 0) < 0)
        log_debug("the state of the listeners is not stored");
}

void heard_no_listeners(struct heard *h)
{
    h->n_listeners = 0;
}

void heard_status(const struct heard *h, struct buf *out)
{
    for (size_t i = 0; i < h->n_listeners; i++)
        buf_printf(out, "%s%s%s", i ? ", " : ", listening on ", h->listeners[i].interface,
                   h->listeners[i].up ? "" : " (down)");
}

/* -------------------------------------------------------------------- life */

int heard_new(struct heard **ret, struct loop *l, const struct heard_opts *o)
{
    struct heard *h = calloc(1, sizeof *h);

    if (!h)
        return -ENOMEM;
    h->loop = l;
    h->o = *o;
    TAILQ_INIT(&h->queue);
    h->flush.run = on_flush;
    h->retry.fire = on_retry;
    h->look_again.fire = on_look_again;
    h->tell_listeners.fire = on_tell_listeners;
    *ret = h;
    return 0;
}

void heard_close(struct heard *h)
{
    h->closed = true;
    task_cancel(h->loop, &h->flush);
    timer_stop(h->loop, &h->retry);
    timer_stop(h->loop, &h->look_again);
    timer_stop(h->loop, &h->tell_listeners);
}

struct heard *heard_free(struct heard *h)
{
    struct item *i;

    if (!h)
        return NULL;
    heard_close(h);
    while ((i = TAILQ_FIRST(&h->queue))) {
        TAILQ_REMOVE(&h->queue, i, entry);
        item_free(i);
    }
    free(h);
    return NULL;
}
