/* See generation.h.  Zone ids count through all generations of this process, so that the scanner
 * can hold two at a time. */
#include "service/schedule/generation.h"

#include "engine/base/buf.h"

#include <errno.h>
#include <string.h>

static uint32_t next_zone = 1;

/* nmap's file of script arguments: as on the command line, but a new line is as good as a comma. */
static int args_read(struct generation *g, struct err *e)
{
    const struct config_scripts *s = g->config->scripts;
    CLEANUP(freep) char *file = NULL;
    struct buf args = {0};
    size_t len = 0;
    int r;

    if (s->args_file) {
        r = config_read_file(&file, &len, s->args_file, e);
        if (r < 0)
            return err_add(e, r, "scripts.args_file");
        for (char *p = file; *p; p++)
            if (*p == '\n')
                *p = ',';
        while (len && (file[len - 1] == ',' || file[len - 1] == ' '))
            file[--len] = 0;
    }
    if (s->args)
        buf_str(&args, s->args);
    if (file && *file)
        buf_printf(&args, "%s%s", args.len ? "," : "", file);
    if (!args.len)
        return 0;
    g->args = buf_take(&args);
    return g->args ? 0 : err_set(e, -ENOMEM, "out of memory");
}

static bool zone_leaves_machine(const struct config_zone *z)
{
    for (size_t i = 0; i < z->scope.n; i++)
        if (!addr_is_loopback(&z->scope.ranges[i].first))
            return true;
    return false;
}

/* Zones share the total in proportion to their rates.  Loopback costs the network nothing. */
static double share_of(const struct config *c)
{
    double sum = 0;

    for (uint32_t i = 0; i < c->n_zones; i++)
        if (zone_leaves_machine(&c->zones[i]))
            sum += c->zones[i].rate;
    return sum > c->scanner->rate ? c->scanner->rate / sum : 1;
}

int generation_new(struct generation **ret, struct config *c, struct err *e)
{
    struct generation *g = calloc(1, sizeof *g);
    int r;

    if (!g) {
        config_free(c);
        return err_set(e, -ENOMEM, "out of memory");
    }
    g->refs = 1;
    g->config = c;
    g->first_zone = next_zone;
    next_zone += c->n_zones;
    g->share = share_of(c);
    r = args_read(g, e);
    if (r == 0)
        r = services_find(&g->services, c->scripts->datadirs, c->scripts->n_datadirs, e);
    if (r < 0) {
        generation_unref(g);
        return r;
    }
    *ret = g;
    return 0;
}

struct generation *generation_ref(struct generation *g)
{
    g->refs++;
    return g;
}

struct generation *generation_unref(struct generation *g)
{
    if (g && --g->refs == 0) {
        services_free(g->services);
        config_free(g->config);
        free(g->args);
        free(g);
    }
    return NULL;
}

double generation_rate(const struct generation *g, const struct config_zone *z)
{
    return zone_leaves_machine(z) ? z->rate * g->share : z->rate;
}

uint32_t generation_zone_id(const struct generation *g, const struct config_zone *z)
{
    return g->first_zone + (uint32_t)(z - g->config->zones);
}
