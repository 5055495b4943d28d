/* From words to sets: targets, excludes, ports, scripts.
 *
 * Everything that can be wrong with a command line is found here, before the first packet: a
 * half-done scan with a bad port list helps nobody. */
#include "service/cli/scan_plan.h"

#include "engine/base/buf.h"
#include "engine/model/services.h"
#include "engine/scan/payload.h"
#include "service/config/paths.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

enum { PORTS_USUAL = 1000, PORTS_FAST = 100 };

static int dir_add(char ***dirs, size_t *n, const char *dir)
{
    char **more = realloc(*dirs, (*n + 2) * sizeof *more);

    if (!more)
        return -ENOMEM;
    *dirs = more;
    more[*n] = strdup(dir);
    if (!more[*n])
        return -ENOMEM;
    more[++*n] = NULL;
    return 0;
}

static int dir_check(const char *dir, struct err *e)
{
    struct stat st;

    if (stat(dir, &st) < 0)
        return err_set(e, -errno, "--datadir %s: %s", dir, strerror(errno));
    if (!S_ISDIR(st.st_mode))
        return err_set(e, -ENOTDIR, "--datadir %s: not a directory", dir);
    return 0;
}

void scan_datadirs_free(char **dirs)
{
    for (size_t i = 0; dirs && dirs[i]; i++)
        free(dirs[i]);
    free(dirs);
}

static int datadirs_fill(char ***dirs, size_t *n, const struct option_list *given, struct err *e)
{
    char own[PATH_MAX];
    int r;

    for (size_t i = 0; i < given->n; i++) {
        r = dir_check(given->values[i], e);
        if (r == 0)
            r = dir_add(dirs, n, given->values[i]);
        if (r < 0)
            return r;
    }
    r = paths_data(own, e);
    if (r == 0)
        return dir_add(dirs, n, own);
    return given->n ? 0 : r; /* an own directory is enough */
}

int scan_datadirs(char ***ret, size_t *ret_n, const struct option_list *given, struct err *e)
{
    char **dirs = NULL;
    size_t n = 0;
    int r = datadirs_fill(&dirs, &n, given, e);

    if (r < 0) {
        scan_datadirs_free(dirs);
        return r == -ENOMEM ? err_set(e, r, "out of memory") : r;
    }
    *ret = dirs;
    *ret_n = n;
    return 0;
}

int scan_services_load(struct services **ret, char *const *dirs, struct err *e)
{
    size_t n = 0;

    while (dirs[n])
        n++;
    return services_find(ret, dirs, n, e);
}

/* The first table of UDP payloads; without one all probes are empty. */
static int plan_payloads(struct scan_plan *p, const struct scan_args *a, struct err *e)
{
    char path[PATH_MAX];

    for (size_t d = 0; (a->ways & WAY_UDP || a->udp_ports) && d < p->n_datadirs; d++) {
        int r;

        snprintf(path, sizeof path, "%s/nselib/data/payloads", p->datadirs[d]);
        r = payloads_load(&p->payloads, path, e);
        if (r != -ENOENT)
            return r;
    }
    return 0;
}

/* The protocols whose ports are asked: mask of 1 (TCP) and 2 (UDP). */
static unsigned protocols_of(const struct scan_args *a)
{
    if (!(a->ways & WAY_UDP))
        return 1;
    return a->ways & (WAY_SYN | WAY_CONNECT) ? 3 : 2;
}

static int plan_top_ports(struct scan_plan *p, enum protocol protocol, unsigned n, struct err *e)
{
    CLEANUP(freep) uint16_t *top = calloc(n, sizeof *top);
    size_t got;

    if (!top)
        return -ENOMEM;
    if (!p->services)
        return err_set(e, -ENOENT,
                       "no table of port frequencies (nselib/data/services) in the data "
                       "directories; name the ports with -p");
    got = services_top(p->services, protocol, n, top);
    for (size_t i = 0; i < got; i++)
        port_set_add(&p->ports, protocol, top[i]);
    return 0;
}

/* With U: and T:, or of both protocols. */
static int exclude_ports(struct scan_plan *p, const struct scan_args *a, struct err *e)
{
    bool any = port_set_count(&p->ports, PROTOCOL_TCP) || port_set_count(&p->ports, PROTOCOL_UDP);

    for (size_t i = 0; i < a->exclude_ports.n; i++) {
        struct port_set less;
        int r = port_set_parse(&less, a->exclude_ports.values[i], 3, p->services, e);

        if (r < 0)
            return err_add(e, r, "--exclude-ports %s", a->exclude_ports.values[i]);
        port_set_subtract(&p->ports, &less);
    }
    if (any && !port_set_count(&p->ports, PROTOCOL_TCP) && !port_set_count(&p->ports, PROTOCOL_UDP))
        return err_set(e, -EINVAL, "--exclude-ports leaves no port to scan");
    return 0;
}

static int plan_ports(struct scan_plan *p, const struct scan_args *a, struct err *e)
{
    unsigned protocols = protocols_of(a);
    unsigned n = a->fast ? PORTS_FAST : a->top_ports ? a->top_ports : PORTS_USUAL;
    int r = 0;

    if (a->ways & WAY_HOSTS_ONLY)
        return 0;
    if (!a->ports && protocols & 1)
        r = plan_top_ports(p, PROTOCOL_TCP, n, e);
    if (!a->ports && protocols & 2 && r == 0)
        r = plan_top_ports(p, PROTOCOL_UDP, n, e);
    if (!a->ports)
        return r;
    r = port_set_parse(&p->ports, a->ports, protocols, p->services, e);
    if (r < 0)
        return err_add(e, r, "-p %s", a->ports);
    if (!(protocols & 2) && port_set_count(&p->ports, PROTOCOL_UDP))
        return err_set(e, -EINVAL, "-p %s: UDP ports are asked with -sU; add it", a->ports);
    if (!(protocols & 1) && port_set_count(&p->ports, PROTOCOL_TCP))
        return err_set(e, -EINVAL, "-p %s: -sU alone asks no TCP ports; add -sS or -sT", a->ports);
    return 0;
}

/* nmap's usual port of SYN pings that were asked for is 80. */
static int plan_pings(struct scan_plan *p, const struct scan_args *a, struct err *e)
{
    const char *syn = a->syn_ports && !*a->syn_ports ? "80" : a->syn_ports;
    int r;

    p->ping.mask = a->pings | (a->no_ping ? SCAN_PING_NONE : 0) |
                   (a->syn_ports ? SCAN_PING_SYN : 0) | (a->ack_ports ? SCAN_PING_ACK : 0) |
                   (a->udp_ports ? SCAN_PING_UDP : 0);
    r = port_few_parse(&p->ping.syn, syn, e);
    if (r < 0)
        return err_add(e, r, "-PS");
    r = port_few_parse(&p->ping.ack, a->ack_ports, e);
    if (r < 0)
        return err_add(e, r, "-PA");
    r = port_few_parse(&p->ping.udp, a->udp_ports, e);
    return r < 0 ? err_add(e, r, "-PU") : 0;
}

static int add_list(struct target_list *t, const char *option, const char *list, struct err *e)
{
    CLEANUP(freep) char *copy = strdup(list);
    char *rest = copy;

    if (!copy)
        return -ENOMEM;
    for (char *word = strsep(&rest, ","); word; word = strsep(&rest, ",")) {
        int r = *word ? target_list_add(t, word, e) : 0;

        if (r < 0)
            return err_add(e, r, "%s", option);
    }
    return 0;
}

static int add_files(struct target_list *t, const char *option, const struct option_list *files,
                     struct err *e)
{
    for (size_t i = 0; i < files->n; i++) {
        int r = target_list_add_file(t, files->values[i], e);

        if (r < 0)
            return err_add(e, r, "%s", option);
    }
    return 0;
}

static int plan_targets(struct scan_plan *p, const struct scan_args *a,
                        const struct option_list *targets, struct err *e)
{
    int r = add_files(&p->targets, "-iL", &a->target_files, e);

    p->lists = a->ways & WAY_LIST;
    p->untargeted = !targets->n && !a->target_files.n;
    for (size_t i = 0; i < targets->n && r == 0; i++)
        r = target_list_add(&p->targets, targets->values[i], e);
    for (size_t i = 0; i < a->excludes.n && r == 0; i++)
        r = add_list(&p->excludes, "--exclude", a->excludes.values[i], e);
    if (r == 0)
        r = add_files(&p->excludes, "--excludefile", &a->exclude_files, e);
    return r;
}

/* The words, joined by commas; NULL for none. */
static int join(char **ret, const struct option_list *words, const char *more)
{
    CLEANUP(buf_done) struct buf out = {0};

    for (size_t i = 0; i < words->n; i++)
        buf_printf(&out, "%s%s", i ? "," : "", words->values[i]);
    if (more)
        buf_printf(&out, "%s%s", words->n ? "," : "", more);
    *ret = words->n || more ? buf_take(&out) : NULL;
    return (words->n || more) && !*ret ? -ENOMEM : 0;
}

/* Scan rates of the templates, in packets a second: nmap waits 5 min, 15 s and 0.4 s between probes
 * at -T0, -T1 and -T2. */
static void plan_timing(struct scan_plan *p, const struct scan_args *a)
{
    static const double rates[] = {1.0 / 300, 1.0 / 15, 2.5, 0, 0, 0};
    static const unsigned retries[] = {6, 6, 6, 6, 6, 2}; /* at most; the loss decides */

    p->retries = a->max_retries == SCAN_RETRIES_DEFAULT ? retries[p->timing] : a->max_retries;
    p->max_rate = a->max_rate > 0 ? a->max_rate : rates[p->timing];
    p->family = a->ipv6 ? ADDR_V6 : ADDR_V4;
}

/* Those that options stand for; NULL: none do. */
static const char *categories_of(const struct scan_args *a)
{
    bool normal = a->ways & WAY_DEFAULT_SCRIPTS;

    if (a->ways & WAY_VERSION)
        return normal ? "default,version" : "version";
    return normal ? "default" : NULL;
}

int scan_plan_make(struct scan_plan *p, const struct scan_args *a,
                   const struct option_list *targets, struct err *e)
{
    int r = scan_datadirs(&p->datadirs, &p->n_datadirs, &a->datadirs, e);

    if (r < 0)
        return r;
    p->timing = scan_args_timing(a, e);
    if (p->timing < 0)
        return p->timing;
    plan_timing(p, a);
    r = scan_services_load(&p->services, p->datadirs, e);
    if (r == 0)
        r = plan_ports(p, a, e);
    if (r == 0)
        r = exclude_ports(p, a, e);
    if (r == 0)
        r = plan_payloads(p, a, e);
    if (r == 0)
        r = plan_pings(p, a, e);
    if (r == 0)
        r = plan_targets(p, a, targets, e);
    if (r == 0 && !a->multicast)
        r = scan_plan_links(p, a->interface, e);
    if (r == 0)
        r = join(&p->scripts, &a->scripts, categories_of(a));
    if (r == 0)
        r = join(&p->script_args, &a->script_args, NULL);
    return r == -ENOMEM ? err_set(e, r, "out of memory") : r;
}

void scan_plan_done(struct scan_plan *p)
{
    target_list_done(&p->targets);
    target_list_done(&p->excludes);
    addr_set_done(&p->scope);
    addr_set_done(&p->groups);
    scan_lookups_free(p->lookups);
    for (size_t i = 0; i < p->n_named; i++)
        free(p->named[i].name);
    free(p->named);
    services_free(p->services);
    payloads_free(p->payloads);
    scan_datadirs_free(p->datadirs);
    free(p->scripts);
    free(p->script_args);
    *p = (struct scan_plan){0};
}
