/* See fit.h.  What has a length that people choose is encoded once, and thrown away. */
#include "service/schedule/fit.h"

#include "service/schedule/script_setup.h"

#include <errno.h>

static int encodes(uint16_t type, const void *value)
{
    CLEANUP(buf_done) struct buf frame = {0};

    return ipc_encode(&frame, ipc_message_find(type), 0, value);
}

static int zone_encodes(const struct config_zone *z)
{
    const struct ipc_zone zone = {.fragile = z->fragile};
    struct ipc_listen listen = {.interface = z->interface};
    int r = encodes(MSG_ZONE, &zone);

    if (r == 0)
        r = encodes(MSG_LISTEN, &listen);
    for (uint32_t i = 0; i < z->n_listen && r == 0; i++) {
        listen.interface = z->listen[i];
        r = encodes(MSG_LISTEN, &listen);
    }
    return r;
}

static int pass_encodes(const struct generation *g, const struct config_zone *z,
                        const struct config_pass *p)
{
    static const struct script_blame nobody;
    const struct pool_order order = {.generation = g, .zone = z, .pass = p};
    const struct ipc_scan_start scan = {
        .ping_syn = p->syn_ports,
        .ping_ack = p->ack_ports,
        .ping_udp = p->udp_ports,
        .interface = z->interface,
    };
    CLEANUP(buf_done) struct buf frame = {0};

    return p->kind == PASS_SERVICES || p->kind == PASS_SCRIPTS
               ? script_setup_encode(&frame, &order, &nobody)
               : encodes(MSG_SCAN_START, &scan);
}

static int too_long(struct err *e, int r, const struct config_zone *z, const struct config_pass *p)
{
    if (r != -EMSGSIZE)
        return err_set(e, r, "out of memory");
    return err_set(e, -EINVAL, "zone '%s'%s%s%s: a text of its is too long: %s", z->name,
                   p ? ", pass '" : "", p ? p->name : "", p ? "'" : "",
                   !p ? "a list of ports, or the name of an interface"
                   : p->kind <= PASS_PORTS
                       ? "ports of a probe"
                       : "scripts, or their arguments (16 KiB with those for all)");
}

int generation_fits(const struct generation *g, struct err *e)
{
    for (uint32_t i = 0; i < g->config->n_zones; i++) {
        const struct config_zone *z = &g->config->zones[i];
        int r = zone_encodes(z);

        if (r < 0)
            return too_long(e, r, z, NULL);
        for (uint32_t k = 0; k < z->n_passes; k++) {
            r = pass_encodes(g, z, &z->passes[k]);
            if (r < 0)
                return too_long(e, r, z, &z->passes[k]);
        }
    }
    return 0;
}
