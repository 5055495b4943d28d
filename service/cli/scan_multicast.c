/* --multicast-ping: which of the targets are there is asked of the whole link before the scan,
 * which then looks at those that answered: a /64 is too large to be walked. */
#include "engine/scan/multicast.h"
#include "service/cli/scan_run_priv.h"

#include <errno.h>
#include <string.h>

#define LINKS_MAX 16

struct asking {
    struct scan_run *run;
    struct multicast *links[LINKS_MAX];
    unsigned under_way;
    struct addr_set found;
    uint64_t drops;
    int failure;
};

static void asking_done(struct asking *a)
{
    for (size_t i = 0; i < LINKS_MAX; i++)
        multicast_stop(a->links[i]);
    addr_set_done(&a->found);
}

static void on_answer(void *user, const struct addr *a, const struct mac *mac,
                      enum multicast_how how)
{
    struct asking *k = user;
    struct addr plain = *a;

    (void)mac; /* ND asks for it */
    plain.scope = 0;
    if (!addr_set_contains(&k->run->plan.scope, &plain) &&
        !addr_set_contains(&k->run->plan.scope, a))
        return;
    if (addr_set_add(&k->found, a, a) < 0 ||
        (how == MULTICAST_ECHO && addr_set_add(&k->run->echoed, a, a) < 0))
        k->failure = -ENOMEM;
}

static void on_done(void *user, uint64_t drops)
{
    struct asking *k = user;

    k->drops += drops;
    if (--k->under_way == 0)
        loop_exit(k->run->loop, 0);
}

static size_t links_of(const struct scan_run *run, char (*ret)[IFNAMSIZ])
{
    if (!run->args->interface)
        return multicast_links(&run->plan.scope, ret, LINKS_MAX);
    snprintf(ret[0], IFNAMSIZ, "%s", run->args->interface);
    return 1;
}

static int ask(struct asking *k, struct err *e)
{
    static const struct multicast_sink sink = {on_answer, on_done};
    const struct addr_set *excludes = &k->run->plan.excludes.addrs;
    char links[LINKS_MAX][IFNAMSIZ];
    size_t n = links_of(k->run, links);

    if (!n)
        return err_set(e, -EADDRNOTAVAIL,
                       "--multicast-ping: none of the targets is on the link of an interface");
    for (size_t i = 0; i < n; i++) {
        int r;

        if (multicast_reaches(links[i], excludes))
            return err_set(e, -EINVAL,
                           "--multicast-ping: a multicast on '%s' would reach addresses that are "
                           "excluded",
                           links[i]);
        r = multicast_start(&k->links[i], k->run->loop, links[i], &sink, k, e);
        if (r < 0)
            return err_add(e, r, "--multicast-ping");
        k->under_way++;
    }
    return loop_run(k->run->loop);
}

int scan_multicast(struct scan_run *run, struct err *e)
{
    CLEANUP(asking_done) struct asking k = {.run = run};
    int r;

    if (!scan_privileged())
        return err_set(e, -EPERM, "--multicast-ping needs raw sockets (CAP_NET_RAW)");
    r = ask(&k, e);
    if (r < 0)
        return r;
    if (k.failure < 0)
        return err_set(e, k.failure, "out of memory");
    if (k.drops) {
        scan_say(run, "--multicast-ping: %llu answers were lost on this side",
                 (unsigned long long)k.drops);
        run->partial = true;
    }
    addr_set_done(&run->plan.scope);
    run->plan.scope = k.found;
    k.found = (struct addr_set){0};
    return 0;
}
