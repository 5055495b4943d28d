/* The routes as the database takes them.  The shape is described at alert.sync_rules() in
 * migrations/0051_rules.sql; the same configuration always gives the same text. */
#include "service/config/config.h"

#include "engine/base/buf.h"

#include <errno.h>
#include <string.h>

const char *const config_group_names[CONFIG_GROUPS] = {
    "zone", "asset", "host", "type", "kind", "severity", "script", "port", "owner", "condition"};

static double seconds(usec_t span)
{
    return (double)span / (double)USEC_PER_SEC;
}

static void put_text(struct buf *out, const char *text)
{
    json_string(out, text, strlen(text));
}

/* Between the parts of an object. */
static const char *comma_if(const struct buf *out)
{
    return out->failed || out->data[out->len - 1] == '{' ? "" : ",";
}

static void put_list(struct buf *out, const char *key, char **texts, uint32_t n)
{
    if (!n)
        return;
    buf_printf(out, "%s\"%s\":[", comma_if(out), key);
    for (uint32_t i = 0; i < n; i++) {
        if (i)
            buf_char(out, ',');
        put_text(out, texts[i]);
    }
    buf_char(out, ']');
}

/* PostgreSQL's text of a multirange.  Both protocols: an event says which port, and a route that
 * tells them apart is not worth its grammar. */
static void put_ports(struct buf *out, const struct port_set *s)
{
    const char *comma = "";

    buf_printf(out, "%s\"ports\":\"{", comma_if(out));
    for (unsigned p = 0; p < 65536; p++) {
        unsigned first = p;

        while (p < 65536 && (port_set_has(s, PROTOCOL_TCP, (uint16_t)p) ||
                             port_set_has(s, PROTOCOL_UDP, (uint16_t)p)))
            p++;
        if (p > first) {
            buf_printf(out, "%s[%u,%u)", comma, first, p);
            comma = ",";
        }
    }
    buf_str(out, "}\"");
}

void config_match_json(struct buf *out, const struct config_match *m)
{
    buf_char(out, '{');
    put_list(out, "zones", m->zones, m->n_zones);
    put_list(out, "networks", m->networks, m->n_networks);
    put_list(out, "types", m->types, m->n_types);
    put_list(out, "kinds", m->kinds, m->n_kinds);
    put_list(out, "tags", m->tags, m->n_tags);
    put_list(out, "owners", m->owners, m->n_owners);
    put_list(out, "scripts", m->scripts, m->n_scripts);
    put_list(out, "assets", m->assets, m->n_assets);
    if (m->severity >= 0)
        buf_printf(out, "%s\"severity\":%d", comma_if(out), m->severity);
    if (m->port_set)
        put_ports(out, m->port_set);
    buf_char(out, '}');
}

static void put_digest(struct buf *out, const struct config_digest *d)
{
    const char *comma = "";

    if (d->every) {
        buf_printf(out, ",\"digest\":{\"every\":%g}", seconds(d->every));
        return;
    }
    buf_str(out, ",\"digest\":{\"days\":[");
    for (unsigned day = 1; day <= 7; day++)
        if (d->days & 1U << day) {
            buf_printf(out, "%s%u", comma, day);
            comma = ",";
        }
    buf_str(out, "],\"times\":[");
    for (unsigned i = 0; i < d->n_minutes; i++)
        buf_printf(out, "%s\"%02u:%02u\"", i ? "," : "", d->minutes[i] / 60, d->minutes[i] % 60);
    buf_printf(out, "],\"zone\":\"%s\"}", d->zone);
}

static void put_groups(struct buf *out, uint32_t groups)
{
    const char *comma = "";

    buf_str(out, ",\"group_by\":[");
    for (unsigned i = 0; i < CONFIG_GROUPS; i++)
        if (groups & 1U << i) {
            buf_printf(out, "%s\"%s\"", comma, config_group_names[i]);
            comma = ",";
        }
    buf_char(out, ']');
}

static void put_route(struct buf *out, const struct config_route *r)
{
    buf_str(out, "{\"name\":");
    put_text(out, r->name);
    if (r->match) {
        buf_str(out, ",\"match\":");
        config_match_json(out, r->match);
    }
    if (r->except) {
        buf_str(out, ",\"except\":");
        config_match_json(out, r->except);
    }
    if (!r->all_endpoints && r->n_endpoints)
        put_list(out, "endpoints", r->endpoints, r->n_endpoints);
    else if (!r->all_endpoints)
        buf_str(out, ",\"endpoints\":[]");
    buf_printf(out, ",\"continue\":%s,\"group_wait\":%g,\"group_interval\":%g,\"max_events\":%u",
               r->goes_on ? "true" : "false", seconds(r->group_wait), seconds(r->group_interval),
               r->max_events);
    put_groups(out, r->group_by);
    if (r->repeat_interval)
        buf_printf(out, ",\"repeat_interval\":%g", seconds(r->repeat_interval));
    if (r->has_digest)
        put_digest(out, &r->times);
    if (r->bypass >= 0)
        buf_printf(out, ",\"bypass\":%d", r->bypass);
    buf_char(out, '}');
}

/* Without routes: first contact at once, and everything from `warning` on, by zone. */
static void put_default_routes(struct buf *out)
{
    buf_str(out, "{\"name\":\"baseline\",\"match\":{\"types\":[\"zone.baselined\"]},\"group_by\":["
                 "\"zone\"],\"group_wait\":0,\"group_interval\":0},"
                 "{\"name\":\"default\",\"match\":{\"severity\":2},\"group_by\":[\"zone\"],"
                 "\"group_wait\":10,\"group_interval\":120}");
}

int config_rules(char **ret, const struct config *c)
{
    const struct config_breaker *b = c->alerts->breaker;
    const struct config_flap *f = c->alerts->flap;
    CLEANUP(buf_done) struct buf out = {0};

    buf_printf(&out, "{\"close_after\":%g,\"last_resort\":", seconds(c->alerts->close_after));
    if (c->alerts->last_resort)
        put_text(&out, c->alerts->last_resort);
    else
        buf_str(&out, "null");
    buf_printf(&out,
               ",\"breaker\":{\"share\":%g,\"least\":%u,\"window\":%g,\"hold\":%g,\"settle\":%g,"
               "\"confirm\":%g,\"canaries\":%u}",
               b->share / 100.0, b->least, seconds(b->window), seconds(b->hold), seconds(b->settle),
               seconds(b->confirm), b->canaries);
    buf_printf(&out, ",\"flap\":{\"changes\":%u,\"within\":%g,\"quiet\":%g},\"routes\":[",
               f->changes, seconds(f->within), seconds(f->quiet));
    for (uint32_t i = 0; i < c->n_routes; i++) {
        if (i)
            buf_char(&out, ',');
        put_route(&out, &c->routes[i]);
    }
    if (!c->n_routes)
        put_default_routes(&out);
    buf_str(&out, "]}");
    *ret = buf_take(&out);
    return *ret ? 0 : -ENOMEM;
}
