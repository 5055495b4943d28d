/* Targets that were given by name.
 *
 * All names are asked at once, and the loop turns until the last has its answer.  Of a target's
 * addresses the first counts, as with nmap; of an exclude all count, because leaving one out would
 * probe a host that was not to be touched. */
#include "service/cli/scan_plan.h"

#include "engine/loop/dns.h"

#include <errno.h>
#include <string.h>

struct lookup {
    struct lookups *all;
    const char *expression; /* "name" or "name/len" */
    char *name;
    int prefix; /* length; -1: none */
    bool exclude;
};

struct lookups {
    struct scan_plan *plan;
    struct lookup *each;
    size_t n, pending;
    int failure;                  /* -ENOMEM */
    const struct lookup *unknown; /* an exclude without an address; NULL: none */
    const char *why;              /* of that */
};

int scan_plan_name(struct scan_plan *p, const struct addr *a, const char *name)
{
    struct named_target *more = realloc(p->named, (p->n_named + 1) * sizeof *more);

    if (!more)
        return -ENOMEM;
    p->named = more;
    more[p->n_named].address = *a;
    more[p->n_named].name = strdup(name);
    return more[p->n_named].name ? (p->n_named++, 0) : -ENOMEM;
}

/* The whole network around an address, for "name/len". */
static int add_network(struct addr_set *set, const struct addr *a, int len)
{
    struct prefix p = {.addr = *a, .len = (uint8_t)len};
    unsigned bits = addr_bits(a);

    for (unsigned bit = (unsigned)len; bit < bits; bit++)
        p.addr.b[bit / 8] &= (uint8_t) ~(0x80U >> bit % 8);
    return addr_set_add_prefix(set, &p);
}

static int lookup_take(struct lookup *k, const struct addr *a)
{
    struct scan_plan *p = k->all->plan;
    struct addr_set *set = k->exclude ? &p->excludes.addrs : &p->targets.addrs;
    int r = k->prefix >= 0 && (unsigned)k->prefix <= addr_bits(a) ? add_network(set, a, k->prefix)
                                                                  : addr_set_add(set, a, a);

    if (r == 0 && !k->exclude)
        r = scan_plan_name(p, a, k->name);
    return r;
}

static void lookup_failed(struct lookup *k, int status)
{
    const char *why = status == -ENOENT      ? "no such name, or no address of that family"
                      : status == -ETIMEDOUT ? "the name servers do not answer"
                                             : "the lookup failed";

    if (status == -ECANCELED)
        return;
    if (k->exclude) {
        k->all->unknown = k;
        k->all->why = why;
        return;
    }
    fprintf(stderr, "muster scan: cannot resolve '%s': %s\n", k->expression, why);
    k->all->plan->n_unresolved++;
}

/* nmap's users look for it: the name alone does not say which of its hosts was meant. */
static void tell_others(const struct lookup *k, const struct addr *addrs, size_t n)
{
    CLEANUP(buf_done) struct buf others = {0};
    char address[ADDR_TEXT_MAX];

    for (size_t i = 1; i < n; i++)
        if (!addr_equal(&addrs[i], &addrs[0]))
            buf_printf(&others, "%s%s", others.len ? ", " : "", addr_format(&addrs[i], address));
    if (others.len && !others.failed)
        fprintf(stderr, "muster scan: of '%s' %s is scanned, and not %s\n", k->name,
                addr_format(&addrs[0], address), others.data);
}

static void on_addrs(void *user, int status, const struct addr *addrs, size_t n)
{
    struct lookup *k = user;

    k->all->pending--;
    if (status < 0 || !n) {
        lookup_failed(k, status < 0 ? status : -ENOENT);
        return;
    }
    for (size_t i = 0; i < n && (i == 0 || k->exclude); i++) {
        int r = lookup_take(k, &addrs[i]);

        if (r < 0)
            k->all->failure = r;
    }
    if (!k->exclude)
        tell_others(k, addrs, n);
}

static int lookup_init(struct lookup *k, struct lookups *all, const char *expression, bool exclude)
{
    const char *slash = strrchr(expression, '/');

    *k = (struct lookup){.all = all, .expression = expression, .prefix = -1, .exclude = exclude};
    k->name = slash ? strndup(expression, (size_t)(slash - expression)) : strdup(expression);
    if (slash)
        k->prefix = (int)strtol(slash + 1, NULL, 10);
    return k->name ? 0 : -ENOMEM;
}

struct lookups *scan_lookups_free(struct lookups *all)
{
    if (!all)
        return NULL;
    for (size_t i = 0; i < all->n; i++)
        free(all->each[i].name);
    free(all->each);
    free(all);
    return NULL;
}

static int lookups_make(struct lookups *all)
{
    const struct target_list *lists[] = {&all->plan->targets, &all->plan->excludes};

    all->each = calloc(lists[0]->n_names + lists[1]->n_names + 1, sizeof *all->each);
    if (!all->each)
        return -ENOMEM;
    for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
        for (size_t i = 0; i < lists[l]->n_names; i++) {
            if (lookup_init(&all->each[all->n++], all, lists[l]->names[i], l == 1) < 0)
                return -ENOMEM;
        }
    }
    return 0;
}

static int lookups_run(struct lookups *all, struct loop *l, struct dns *d)
{
    for (size_t i = 0; i < all->n; i++) {
        struct lookup *k = &all->each[i];
        enum addr_family family = k->exclude ? ADDR_NONE : all->plan->family;
        int r = dns_lookup(d, k->name, family, on_addrs, k, NULL);

        if (r < 0)
            lookup_failed(k, r);
        else
            all->pending++;
    }
    while (all->pending > 0) {
        int r = loop_turn(l, USEC_INFINITY);

        if (r < 0)
            return r;
    }
    return all->failure;
}

/* The part of `r` between two addresses of its family and link. */
static int add_part(struct addr_set *to, const struct addr_range *r, struct addr first,
                    struct addr last)
{
    first.scope = last.scope = r->first.scope;
    if (addr_cmp(&r->first, &first) > 0)
        first = r->first;
    if (addr_cmp(&r->last, &last) < 0)
        last = r->last;
    return addr_cmp(&first, &last) <= 0 ? addr_set_add(to, &first, &last) : 0;
}

/* 224.0.0.0/4, 255.255.255.255, ff00::/8. */
static int add_groups(struct addr_set *to, const struct addr_range *r)
{
    struct prefix v6 = {.addr = {.family = ADDR_V6, .b = {0xff}}, .len = 8};
    int e;

    if (r->first.family == ADDR_V6)
        return add_part(to, r, prefix_first(&v6), prefix_last(&v6));
    e = add_part(to, r, addr_v4(0xe0000000), addr_v4(0xefffffff));
    return e < 0 ? e : add_part(to, r, addr_v4(UINT32_MAX), addr_v4(UINT32_MAX));
}

static int add_all(struct addr_set *to, const struct addr_set *from)
{
    int r = 0;

    for (size_t i = 0; i < from->n && r == 0; i++)
        r = addr_set_add(to, &from->ranges[i].first, &from->ranges[i].last);
    return r;
}

int scan_groups_split(struct addr_set *groups, struct addr_set *from)
{
    int r = 0;

    for (size_t i = 0; i < from->n && r == 0; i++)
        r = add_groups(groups, &from->ranges[i]);
    return r == 0 ? addr_set_subtract(from, groups) : r;
}

static int plan_scope(struct scan_plan *p, struct err *e)
{
    int r = add_all(&p->scope, &p->targets.addrs);

    if (r == 0)
        r = addr_set_subtract(&p->scope, &p->excludes.addrs);
    if (r == 0 && !p->lists)
        r = scan_groups_split(&p->groups, &p->scope);
    if (r < 0)
        return err_set(e, r, "out of memory");
    if (!p->untargeted && !addr_set_count(&p->scope))
        return err_set(e, -EINVAL, "%s",
                       p->groups.n          ? "only scripts ask the addresses of groups; name "
                                              "hosts or a network as well"
                       : p->targets.addrs.n ? "the excludes leave no target to scan"
                                            : "no target is left to scan");
    return 0;
}

int scan_plan_resolve(struct scan_plan *p, struct loop *l, struct dns *d, struct err *e)
{
    int r;

    p->lookups = calloc(1, sizeof *p->lookups);
    if (!p->lookups)
        return err_set(e, -ENOMEM, "out of memory");
    p->lookups->plan = p;
    r = lookups_make(p->lookups);
    if (r == 0)
        r = lookups_run(p->lookups, l, d);
    if (r < 0)
        return err_set(e, r, "looking up names: %s", strerror(-r));
    if (p->lookups->unknown)
        return err_set(e, -EHOSTUNREACH,
                       "nobody is asked, as the exclude '%s' cannot be resolved: %s",
                       p->lookups->unknown->expression, p->lookups->why);
    return plan_scope(p, e);
}

const char *scan_plan_name_of(const struct scan_plan *p, const struct addr *a)
{
    for (size_t i = 0; i < p->n_named; i++)
        if (addr_equal(&p->named[i].address, a))
            return p->named[i].name;
    return NULL;
}
