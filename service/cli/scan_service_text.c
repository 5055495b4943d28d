/* "Service Info: ...": what the services of a host say of the host itself. */
#include "service/cli/scan_writer.h"
#include "service/cli/screen.h"

#include <string.h>

#define VALUES_MAX 16 /* a host with more names than that is told by its first ones */

struct values {
    const char *v[VALUES_MAX];
    size_t n;
};

static void add(struct values *to, const char *value)
{
    for (size_t i = 0; value && i < to->n; i++)
        if (strcmp(to->v[i], value) == 0)
            return;
    if (value && *value && to->n < VALUES_MAX)
        to->v[to->n++] = value;
}

/* Of systems and hardware: programs stand in the lines of their ports. */
static void add_cpes(struct values *to, const struct service_info *s)
{
    for (size_t i = 0; i < ARRAY_LEN(s->cpe) && s->cpe[i]; i++)
        if (strncmp(s->cpe[i], "cpe:/o:", 7) == 0 || strncmp(s->cpe[i], "cpe:/h:", 7) == 0)
            add(to, s->cpe[i]);
}

static void write_values(struct buf *out, const char *one, const char *many, const struct values *x,
                         bool *any)
{
    if (!x->n)
        return;
    buf_printf(out, "%s %s: ", *any ? ";" : "Service Info:", x->n == 1 ? one : many);
    for (size_t i = 0; i < x->n; i++) {
        buf_str(out, i ? ", " : "");
        screen_text(out, x->v[i]);
    }
    *any = true;
}

void scan_service_info_text(struct buf *out, const struct host_record *r)
{
    struct values names = {0}, systems = {0}, devices = {0}, cpes = {0};
    bool any = false;

    for (size_t i = 0; i < r->n_ports; i++) {
        const struct service_info *s = host_record_service(r, &r->ports[i]);

        if (!s || r->ports[i].state != PORT_OPEN)
            continue;
        add(&names, s->hostname);
        add(&systems, s->os);
        add(&devices, s->device);
        add_cpes(&cpes, s);
    }
    write_values(out, "Host", "Hosts", &names, &any);
    write_values(out, "OS", "OSs", &systems, &any);
    write_values(out, "Device", "Devices", &devices, &any);
    write_values(out, "CPE", "CPE", &cpes, &any);
    if (any)
        buf_char(out, '\n');
}
