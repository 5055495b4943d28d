/* What a scan says at its end on stderr.
 *
 * Exit code 1 means that something is missing: each reason for it is told, here or where it came
 * up, because a number alone sends people looking. */
#include "service/cli/scan_run_priv.h"

#include "engine/loop/guard.h"
#include "engine/script/host.h"

#include <inttypes.h>
#include <string.h>

#define FAILED_NAMES_MAX 100 /* bytes of names after which no more are added */

static const char *plural(uint64_t n, const char *one, const char *many)
{
    return n == 1 ? one : many;
}

/* The guard leaves them out without a word, as it should where nobody asked for them. */
void scan_tell_printers(struct scan_run *run)
{
    CLEANUP(buf_done) struct buf list = {0};
    struct port_set left = {0};

    for (size_t i = 0; run->args->ports && i < GUARD_PRINTER_PORTS; i++)
        if (port_set_has(&run->plan.ports, PROTOCOL_UDP, guard_printer_ports[i]))
            port_set_add(&left, PROTOCOL_UDP, guard_printer_ports[i]);
    if (!port_set_count(&left, PROTOCOL_UDP))
        return;
    port_set_format_of(&list, &left, PROTOCOL_UDP);
    scan_say(run, "not asked, because printers print what they are sent: UDP %s", list.data);
}

struct typed {
    const char *expression;
    bool asks_links;
};

/* Whoever runs many scripts, such as all safe ones, does not think of links. */
static void note_typed(void *user, const struct script_meta *m)
{
    struct typed *t = user;
    bool typed = strstr(t->expression, "broadcast") || strstr(t->expression, m->id);

    for (size_t i = 0; i < m->n_categories && typed && m->prerule; i++)
        t->asks_links |= strcmp(m->categories[i], "broadcast") == 0;
}

/* They would find nothing, as if nobody was there. */
void scan_tell_links(struct scan_run *run)
{
    struct typed t = {.expression = run->plan.scripts};

    if (!run->scripts || run->plan.untargeted || run->plan.groups.n)
        return;
    script_host_each(run->scripts, note_typed, &t);
    if (t.asks_links)
        scan_say(run, "scripts that ask a whole link ask nobody beside these targets: leave the "
                      "targets out, or add a group's address, such as 255.255.255.255");
}

void scan_tell_undecided(struct scan_run *run)
{
    uint64_t unrouted = scan_unrouted(run->scan), rest;

    if (unrouted > run->n_unasked)
        unrouted = run->n_unasked; /* the routes have changed meanwhile */
    rest = run->n_unasked - unrouted;
    if (unrouted)
        scan_say(run, "there is no route to %" PRIu64 " of the addresses", unrouted);
    if (rest)
        scan_say(run, "%" PRIu64 " address%s could not be asked%s%s", rest, plural(rest, "", "es"),
                 scan_why(run->scan) ? ": " : "", scan_why(run->scan) ? scan_why(run->scan) : "");
    if (run->n_cut)
        scan_say(run, "%" PRIu64 " host%s not finished%s", run->n_cut,
                 plural(run->n_cut, " was", "s were"),
                 run->args->host_timeout ? " within --host-timeout" : "");
}

static bool names_script(const struct buf *list, const char *script)
{
    size_t len = strlen(script);
    const char *at = list->data;

    while (at && (at = strstr(at, script))) {
        if ((at == list->data || at[-1] == ' ') && (at[len] == ',' || !at[len]))
            return true;
        at += len;
    }
    return false;
}

void scan_note_failed(struct scan_run *run, const char *script)
{
    struct buf *list = &run->failed;

    run->n_failed++;
    if (list->len < FAILED_NAMES_MAX && !names_script(list, script))
        buf_printf(list, "%s%s%s", list->len ? ", " : "", script,
                   list->len + strlen(script) >= FAILED_NAMES_MAX ? " ..." : "");
}

void scan_tell_end(struct scan_run *run)
{
    const struct scan_totals *t = &run->totals;

    if (run->plan.untargeted && !t->hosts_probed && !run->interrupted)
        scan_say(run, "no targets were named, so no host was scanned");
    if (run->n_failed)
        scan_say(run, "%" PRIu64 " script run%s failed, which -d explains: %s", run->n_failed,
                 plural(run->n_failed, "", "s"), run->failed.data ? run->failed.data : "");
    if (t->hosts_probed == 1 && !t->hosts_up && !run->args->no_ping && !run->interrupted &&
        !run->n_unasked && !(run->args->ways & WAY_HOSTS_ONLY))
        scan_say(run, "the host did not answer; -Pn scans one that leaves pings unanswered");
}
