/* -sL: the targets, with the names of their addresses; nobody is asked but name servers, and with
 * -n nobody at all.
 *
 * Names come in any order, the list keeps that of the addresses: a window of lookups moves over
 * them, and its first line is written when it is known.  So the list of a large network costs no
 * memory, and begins at once. */
#include "service/cli/scan_run_priv.h"

#include "engine/loop/dns.h"

#include <errno.h>

enum { WINDOW = 64 };

struct listed {
    struct scan_list *list;
    struct host_record *record;
    struct dns_query *query; /* NULL: its name is settled */
};

struct scan_list {
    struct scan_run *run;
    struct addr_walk walk;
    struct listed window[WINDOW]; /* a ring */
    size_t first, n;
    struct task next;
};

static void list_later(struct scan_list *l)
{
    loop_post(l->run->loop, &l->next);
}

static void on_name(void *user, int status, const char *name)
{
    struct listed *x = user;
    struct scan_list *l = x->list;

    x->query = NULL;
    if (l->run->ended || !x->record) /* it was interrupted */
        return;
    if (status == 0 && host_record_set_name(x->record, name) < 0)
        l->run->partial = true;
    list_later(l);
}

/* Takes the next address into the window.  False: there is none. */
static bool list_take(struct scan_list *l)
{
    struct scan_run *run = l->run;
    struct host_finding f = {
        .state = HOST_UNKNOWN, .reason = REASON_USER_SET, .time = loop_wall(run->loop)};
    struct listed *x = &l->window[(l->first + l->n) % WINDOW];

    if (!addr_set_next(&run->plan.scope, &l->walk, &f.address))
        return false;
    f.target = scan_plan_name_of(&run->plan, &f.address);
    *x = (struct listed){.list = l, .record = host_record_new(&f)};
    if (!x->record) {
        run->partial = true;
        return true;
    }
    if (!run->args->no_names && dns_reverse(run->dns, &f.address, on_name, x, &x->query) < 0)
        x->query = NULL;
    l->n++;
    return true;
}

static void list_write(struct scan_list *l)
{
    struct listed *x = &l->window[l->first];
    struct scan_run *run = l->run;

    scan_outputs_host(&run->outputs, &run->info, &x->record->host);
    scan_outputs_record(&run->outputs, &run->info, x->record);
    scan_written(run);
    run->totals.hosts_listed++;
    x->record = host_record_free(x->record);
    l->first = (l->first + 1) % WINDOW;
    l->n--;
}

/* A window in each turn, so that an interrupt is heard and what is written is flushed. */
static void on_next(struct task *t)
{
    struct scan_list *l = CONTAINER_OF(t, struct scan_list, next);
    bool more = !l->run->interrupted;

    while (more && l->n < WINDOW)
        more = list_take(l);
    while (l->n && (!l->window[l->first].query || l->run->interrupted))
        list_write(l);
    if (!l->n)
        more ? list_later(l) : loop_exit(l->run->loop, 0);
}

int scan_list_start(struct scan_run *run, struct err *e)
{
    struct scan_list *l = calloc(1, sizeof *l);

    if (!l)
        return err_set(e, -ENOMEM, "out of memory");
    l->run = run;
    l->next.run = on_next;
    run->list = l;
    list_later(l);
    return 0;
}

void scan_list_interrupt(struct scan_run *run)
{
    if (run->list)
        list_later(run->list);
}

struct scan_list *scan_list_free(struct scan_list *l)
{
    if (!l)
        return NULL;
    task_cancel(l->run->loop, &l->next);
    for (; l->n; l->n--, l->first = (l->first + 1) % WINDOW)
        host_record_free(l->window[l->first].record);
    free(l);
    return NULL;
}
