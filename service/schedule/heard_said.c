/* Kinds are "<protocol>-<what>", so that a name from DHCP and one from mDNS stay apart; few have a
 * name of their own in their protocol, and bear that. */
#include "service/schedule/heard_said.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *source, *what, *kind;
} own_names[] = {
    {"dhcp", "name", "dhcp-hostname"},   {"dhcpv6", "name", "dhcpv6-hostname"},
    {"lldp", "system", "lldp-name"},     {"cdp", "system", "cdp-device"},
    {"cdp", "model", "cdp-platform"},    {"ssdp", "uuid", "ssdp-usn"},
    {"ssdp", "software", "ssdp-server"}, {"dhcpv6", "client-id", "dhcpv6-duid"},
};

static const struct {
    const char *what;
    size_t offset;
} singles[] = {
    {"title", offsetof(struct sighting, title)},
    {"group", offsetof(struct sighting, group)},
    {"vendor-class", offsetof(struct sighting, vendor_class)},
    {"client-id", offsetof(struct sighting, client_id)},
    {"parameters", offsetof(struct sighting, parameters)},
    {"vendor", offsetof(struct sighting, vendor)},
    {"model", offsetof(struct sighting, model)},
    {"software", offsetof(struct sighting, software)},
    {"serial", offsetof(struct sighting, serial)},
    {"uuid", offsetof(struct sighting, uuid)},
    {"location", offsetof(struct sighting, location)},
    {"system", offsetof(struct sighting, neighbour_system)},
    {"chassis", offsetof(struct sighting, neighbour_chassis)},
    {"port", offsetof(struct sighting, neighbour_port)},
    {"port-label", offsetof(struct sighting, neighbour_port_label)},
};

static void plain(struct heard_said *r, const char *kind, const char *key)
{
    if (key && *key && r->n < HEARD_SAID_MAX)
        r->list[r->n++] = (struct store_said){kind, key};
}

static void say(struct heard_said *r, const char *source, const char *what, const char *key)
{
    char *kind = r->kinds[r->n < HEARD_SAID_MAX ? r->n : 0];

    if (!key || !*key || r->n == HEARD_SAID_MAX)
        return;
    snprintf(kind, sizeof r->kinds[0], "%.10s-%s", source, what);
    for (size_t i = 0; i < sizeof own_names / sizeof *own_names; i++)
        if (strcmp(own_names[i].source, source) == 0 && strcmp(own_names[i].what, what) == 0)
            snprintf(kind, sizeof r->kinds[0], "%s", own_names[i].kind);
    plain(r, kind, key);
}

void heard_said(struct heard_said *ret, const struct sighting *s)
{
    ret->n = 0;
    for (size_t i = 0; i < s->n_names; i++)
        say(ret, s->source, "name", s->names[i]);
    for (size_t i = 0; i < s->n_services; i++)
        say(ret, s->source, "service", s->services[i]);
    for (size_t i = 0; i < s->n_roles; i++)
        plain(ret, "role", s->roles[i]);
    for (size_t i = 0; i < s->n_prefixes; i++)
        plain(ret, "prefix", s->prefixes[i]);
    for (size_t i = 0; i < sizeof singles / sizeof *singles; i++) {
        const char *const *field =
            (const char *const *)(const void *)((const char *)s + singles[i].offset);

        say(ret, s->source, singles[i].what, *field);
    }
    snprintf(ret->vlan, sizeof ret->vlan, "%u", s->vlan);
    snprintf(ret->neighbour_vlan, sizeof ret->neighbour_vlan, "%u", s->neighbour_vlan);
    plain(ret, "vlan", s->vlan ? ret->vlan : NULL);
    say(ret, s->source, "port-vlan", s->neighbour_vlan ? ret->neighbour_vlan : NULL);
}
