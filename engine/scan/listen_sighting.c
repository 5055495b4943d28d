/* The packet layer knows kinds of facts, the model named fields; this table joins them, so that
 * neither needs to know the other. */
#include "engine/scan/listen_sighting.h"

#include <stddef.h>

static const struct single {
    enum hear_kind kind;
    size_t offset;
} singles[] = {
    {HEAR_TITLE, offsetof(struct sighting, title)},
    {HEAR_VENDOR_CLASS, offsetof(struct sighting, vendor_class)},
    {HEAR_CLIENT_ID, offsetof(struct sighting, client_id)},
    {HEAR_PARAMETERS, offsetof(struct sighting, parameters)},
    {HEAR_VENDOR, offsetof(struct sighting, vendor)},
    {HEAR_MODEL, offsetof(struct sighting, model)},
    {HEAR_SOFTWARE, offsetof(struct sighting, software)},
    {HEAR_SERIAL, offsetof(struct sighting, serial)},
    {HEAR_GROUP, offsetof(struct sighting, group)},
    {HEAR_SYSTEM, offsetof(struct sighting, neighbour_system)},
    {HEAR_CHASSIS, offsetof(struct sighting, neighbour_chassis)},
    {HEAR_PORT, offsetof(struct sighting, neighbour_port)},
    {HEAR_PORT_LABEL, offsetof(struct sighting, neighbour_port_label)},
    {HEAR_UUID, offsetof(struct sighting, uuid)},
    {HEAR_LOCATION, offsetof(struct sighting, location)},
};

static size_t fill(const char **list, size_t max, const struct hear_evidence *e,
                   enum hear_kind kind)
{
    size_t n = 0;

    while (n < max && (list[n] = hear_fact_text(e, kind, (unsigned)n)))
        n++;
    return n;
}

void listen_sighting(struct sighting *ret, const struct hear_evidence *e)
{
    struct sighting s = {
        .source = hear_source_name(e->source),
        .vlan = e->vlan,
        .has_mac = e->has_mac,
        .mac = e->mac,
        .requested = e->requested,
        .neighbour_vlan = e->port_vlan,
        .n_addresses = e->n_addrs,
    };

    _Static_assert(HEAR_ADDRS_MAX <= SIGHTING_ADDRESSES_MAX, "all addresses have room");
    for (size_t i = 0; i < e->n_addrs; i++)
        s.addresses[i] = e->addrs[i];
    s.n_names = fill(s.names, ARRAY_LEN(s.names), e, HEAR_NAME);
    s.n_services = fill(s.services, ARRAY_LEN(s.services), e, HEAR_SERVICE);
    s.n_roles = fill(s.roles, ARRAY_LEN(s.roles), e, HEAR_ROLE);
    s.n_prefixes = fill(s.prefixes, ARRAY_LEN(s.prefixes), e, HEAR_PREFIX);
    for (size_t i = 0; i < ARRAY_LEN(singles); i++) {
        const char **field = (const char **)(void *)((char *)&s + singles[i].offset);

        *field = hear_fact_text(e, singles[i].kind, 0);
    }
    *ret = s;
}
