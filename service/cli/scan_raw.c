/* Raw frames for the scripts of `muster scan`, where the process may have them: through the scan's
 * own guard (engine/scan/frames.h). */
#include "service/cli/scan_run_priv.h"

#include "engine/scan/frames.h"
#include "engine/scan/route.h"
#include "engine/script/host.h"

#include <errno.h>
#include <string.h>

static void on_frame(void *user, uint32_t id, const void *data, size_t len, size_t wire_len,
                     usec_t wall)
{
    struct scan_run *run = user;

    script_host_raw_frame(run->scripts, id, data, len, wire_len, wall);
}

static int on_raw_send(void *user, uint64_t job, const char *device, const void *frame, size_t len)
{
    struct scan_run *run = user;

    (void)job;
    return frames_send(run->frames, device, frame, len);
}

static int on_raw_send_ip(void *user, uint64_t job, const void *packet, size_t len)
{
    struct scan_run *run = user;

    (void)job;
    return frames_send_ip(run->frames, packet, len);
}

static int on_raw_open(void *user, uint64_t job, const struct script_capture *c, uint32_t *ret_id)
{
    struct scan_run *run = user;
    const struct frames_capture want = {c->device, c->filter, c->snaplen, c->promiscuous};
    struct err e = {0};
    int r = frames_open(run->frames, &want, ret_id, &e);

    (void)job;
    if (r < 0 && run->args->debug)
        scan_say(run, "%s", err_text(&e));
    return r;
}

static void on_raw_close(void *user, uint32_t id)
{
    struct scan_run *run = user;

    frames_close(run->frames, id);
}

int scan_raw_open(struct scan_run *run, struct script_world *world, struct err *e)
{
    int r;

    if (!run->privileged)
        return 0;
    if (frames_new(&run->frames, run->loop, run->guard, on_frame, run) < 0)
        return err_set(e, -ENOMEM, "out of memory");
    r = route_open(&run->routes, e);
    if (r < 0)
        return r;
    world->raw_send = on_raw_send;
    world->raw_send_ip = on_raw_send_ip;
    world->raw_open = on_raw_open;
    world->raw_close = on_raw_close;
    return 0;
}

void scan_raw_close(struct scan_run *run)
{
    run->frames = frames_free(run->frames);
    run->routes = route_close(run->routes);
}

/* What was asked for the last host, for a second: thousands of hosts come the same way. */
static bool way_out(struct scan_run *run, const struct hop *way)
{
    struct raw_way *w = &run->way;
    usec_t now = loop_now(run->loop);

    if (now < w->until && w->iface.index == way->ifindex && addr_equal(&w->gateway, &way->gateway))
        return true;
    w->until = 0;
    if (route_iface(run->routes, way->ifindex, &w->iface) < 0)
        return false;
    w->gateway = way->gateway;
    w->has_mac = w->iface.ethernet && way->kind == HOP_GATEWAY &&
                 route_neighbour(run->routes, way->ifindex, &way->gateway, &w->mac) == 0;
    if (w->has_mac || !w->iface.ethernet || way->kind != HOP_GATEWAY) /* else it may come yet */
        w->until = now + USEC_PER_SEC;
    return true;
}

static void next_hop(const struct scan_run *run, const struct hop *way, struct script_target *t)
{
    if (way->kind == HOP_GATEWAY) {
        t->has_next_hop_mac = run->way.has_mac;
        t->next_hop_mac = run->way.mac;
    } else if (t->has_mac) {
        t->has_next_hop_mac = true;
        t->next_hop_mac = t->mac;
    }
}

void scan_raw_way(struct scan_run *run, struct script_target *t, char name[16])
{
    const struct iface *i = &run->way.iface;
    struct hop way = {0};

    if (!run->routes || route_get(run->routes, &t->address, 0, &way) < 0 ||
        way.kind == HOP_UNREACHABLE || !way_out(run, &way))
        return;
    memcpy(name, i->name, sizeof i->name);
    t->interface = name;
    t->source = way.src;
    if (!i->ethernet)
        return;
    t->has_source_mac = true;
    t->source_mac = i->mac;
    next_hop(run, &way, t);
}
