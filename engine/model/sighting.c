/* Sightings as JSON lines.  One walk over the fields serves both forms, so that a field that is
 * told can never be forgotten when two sightings are compared. */
#include "engine/model/sighting.h"

#include "engine/model/finding.h"

#include <string.h>

static void member(struct buf *out, const char *key, const char *value)
{
    if (!value)
        return;
    buf_printf(out, ",\"%s\":", key);
    json_string(out, value, strlen(value));
}

static void list(struct buf *out, const char *key, const char *const *values, size_t n)
{
    if (!n)
        return;
    buf_printf(out, ",\"%s\":[", key);
    for (size_t i = 0; i < n; i++) {
        if (i)
            buf_char(out, ',');
        json_string(out, values[i], strlen(values[i]));
    }
    buf_char(out, ']');
}

static void number(struct buf *out, const char *key, unsigned value)
{
    if (value)
        buf_printf(out, ",\"%s\":%u", key, value);
}

/* "address" is the first one, as in findings; all of them stand in "addresses" if there are more.
 */
static void subject(struct buf *out, const struct sighting *s)
{
    char text[ADDR_TEXT_MAX], mac[MAC_TEXT_MAX];
    char texts[SIGHTING_ADDRESSES_MAX][ADDR_TEXT_MAX];
    const char *all[SIGHTING_ADDRESSES_MAX];

    for (size_t i = 0; i < s->n_addresses; i++)
        all[i] = addr_format(&s->addresses[i], texts[i]);
    member(out, "address", s->n_addresses ? all[0] : NULL);
    list(out, "addresses", all, s->n_addresses > 1 ? s->n_addresses : 0);
    member(out, "mac", s->has_mac ? mac_format(&s->mac, mac) : NULL);
    if (s->requested.family != ADDR_NONE)
        member(out, "requested", addr_format(&s->requested, text));
}

void sighting_content(struct buf *out, const struct sighting *s)
{
    buf_str(out, "\"source\":");
    json_string(out, s->source, strlen(s->source));
    number(out, "vlan", s->vlan);
    subject(out, s);
    list(out, "names", s->names, s->n_names);
    list(out, "services", s->services, s->n_services);
    list(out, "roles", s->roles, s->n_roles);
    list(out, "prefixes", s->prefixes, s->n_prefixes);
    member(out, "title", s->title);
    member(out, "group", s->group);
    member(out, "vendor_class", s->vendor_class);
    member(out, "client_id", s->client_id);
    member(out, "parameters", s->parameters);
    member(out, "vendor", s->vendor);
    member(out, "model", s->model);
    member(out, "software", s->software);
    member(out, "serial", s->serial);
    member(out, "uuid", s->uuid);
    member(out, "location", s->location);
    member(out, "neighbour_system", s->neighbour_system);
    member(out, "neighbour_chassis", s->neighbour_chassis);
    member(out, "neighbour_port", s->neighbour_port);
    member(out, "neighbour_port_label", s->neighbour_port_label);
    number(out, "neighbour_vlan", s->neighbour_vlan);
}

static size_t texts(const char *const *list, size_t max)
{
    size_t n = 0;

    while (n < max && list[n])
        n++;
    return n;
}

void sighting_count(struct sighting *s)
{
    s->n_addresses = 0;
    while (s->n_addresses < SIGHTING_ADDRESSES_MAX &&
           s->addresses[s->n_addresses].family != ADDR_NONE)
        s->n_addresses++;
    s->n_names = texts(s->names, SIGHTING_NAMES_MAX);
    s->n_services = texts(s->services, SIGHTING_LIST_MAX);
    s->n_roles = texts(s->roles, SIGHTING_LIST_MAX);
    s->n_prefixes = texts(s->prefixes, SIGHTING_NAMES_MAX);
}

void sighting_json(struct buf *out, const struct sighting *s)
{
    char time[TIME_TEXT_MAX];

    buf_str(out, "{\"record\":\"sighting\",");
    sighting_content(out, s);
    member(out, "interface", s->interface);
    member(out, "time", time_format(s->time, time));
    buf_char(out, '}');
}
